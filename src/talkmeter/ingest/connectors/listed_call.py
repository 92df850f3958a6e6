"""A call as a stack's own list has it: what the stack's message would have told of it, or that it is not over."""

from collections.abc import Callable
from typing import NamedTuple

from talkmeter.ingest.connectors.provider import NotUnderstood, RecordUpdate


class Listed(NamedTuple):
    """One call of a list; `id` is the stack's own, "" where the call cannot be read.

    `told` is None while the call is not over, and where it cannot be counted: then `refusal` is a sentence that says
    why. `start` is that of a call that is not over, in microseconds, where it is known.
    """

    id: str
    start: int | None
    told: RecordUpdate | None = None
    refusal: str | None = None


def read_listed(body: bytes, read: Callable[[bytes], Listed]) -> Listed:
    """A call of a list by the stack's own way of reading it; one that cannot be read does not spoil the list."""
    try:
        return read(body)
    except NotUnderstood as refusal:
        return Listed("", None, refusal=str(refusal))
