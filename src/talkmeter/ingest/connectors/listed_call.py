"""A call as the provider's API lists it, with the update that its webhook reports; none if the call is not over."""

from collections.abc import Callable
from typing import NamedTuple

from talkmeter.ingest.connectors.provider import NotUnderstood, RecordUpdate


class ListedCall(NamedTuple):
    """One call of a list; `id` is the provider's, "" if the call cannot be read.

    `update` is None if the call is not over or cannot be counted. If it cannot be counted, `error` is a sentence that
    says why. `start` is the start of a call that is not over, in microseconds, if known.
    """

    id: str
    start: int | None
    update: RecordUpdate | None = None
    error: str | None = None


def read_listed(body: bytes, read: Callable[[bytes], ListedCall]) -> ListedCall:
    """Return the call that `read` makes of the body; an unreadable call becomes one with an error.

    Values that a webhook may leave unknown are required: a list must not correct a stored call by a default.
    """
    try:
        call = read(body)
    except NotUnderstood as error:
        return ListedCall("", None, error=str(error))
    missing = [name for name in call.update.assumed if name != "answered"] if call.update else []
    if not missing:
        return call
    return ListedCall("", None, error=f"The {' and the '.join(missing)} of the call must be one that is documented.")
