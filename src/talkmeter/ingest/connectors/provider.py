"""What a stack is to us: how a message is proved to be its own, and which records the message tells of.

Both are pure functions of the message; nothing here knows the database or HTTP. The rules that hold for all stacks:
`docs/connectors/README.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from talkmeter.ledger.batch import Side
from talkmeter.records import Conversation, Kind, Record

TEST: Final = "talkmeter.test"
"""The type of a message that tries a connector: no stack sends it, and nothing of it is metered."""


class Message(NamedTuple):
    """A message as it arrived: `headers` by their names in lower case, `received_at` in microseconds.

    `url` is the public address that the stack was given, with its query: some stacks sign it.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: int


def posted(url: str, body: bytes, headers: Mapping[str, str], now: int, media: str = "application/json") -> Message:
    """A message to an address, as a stack would send it; `now` in microseconds."""
    return Message("POST", url, {"content-type": media, **{name.lower(): headers[name] for name in headers}}, body, now)


class NotVerified(Exception):
    """A message that is not proved to be the stack's own, or is too old; a sentence for the connector's health."""


class NotUnderstood(Exception):
    """A proved message that cannot be counted; a sentence that says why. It goes to quarantine."""


class RecordUpdate(NamedTuple):
    """What a message says of one record.

    `id` is the stack's own id of it, `event_id` one that the same message repeats when it is sent again. `time` is when
    it happened, in microseconds, `sequence` orders what happened at one instant. `elsewhere` names the same call in
    other stacks, as `stack:id` (`twilio:CA…`).
    """

    kind: Kind
    id: str
    record: Record | None
    time: int
    event_id: str
    sequence: int = 0
    elsewhere: tuple[str, ...] = ()


class PartialRecordUpdate(NamedTuple):
    """What a message adds to a conversation of which others have told before: `amend` takes what is known of it.

    It returns the conversation with this message's part in it; None if the message alone makes none yet. Messages
    must give the same result in any order and any number of times.
    """

    id: str
    amend: Callable[[Conversation | None], Conversation | None]
    time: int
    event_id: str
    elsewhere: tuple[str, ...] = ()


class Ignored(NamedTuple):
    """A message of a type that is not metered; it is counted and answered as received."""

    type: str


Reading = tuple[RecordUpdate | PartialRecordUpdate, ...] | Ignored


class Provider(NamedTuple):
    """One stack. `prove` raises NotVerified; the secrets are the present one and, while it is changed, the one before.

    `read` raises NotUnderstood. `status` is what the stack wants to hear. `test` makes, of a secret, an address and the
    present instant, a message of the type TEST that is signed as the stack signs; None where only the stack can sign.
    """

    name: str
    side: Side | None
    verify: Callable[[Message, Sequence[str]], None]
    read: Callable[[Message], Reading]
    status: Literal[200, 204] = 200
    test: Callable[[str, str, int], Message] | None = None
