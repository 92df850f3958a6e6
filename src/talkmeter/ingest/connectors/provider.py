"""The interface of a provider: verify that a message comes from it, and read the records in the message.

Both are pure functions of the message; they know neither the database nor HTTP. The rules that hold for all providers:
`docs/connectors/README.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from talkmeter.ledger.batch import Rejection, Side
from talkmeter.records import Conversation, Kind, Record

TEST_TYPE: Final = "talkmeter.test"
"""The type of the message that `talkmeter connectors test` sends. No provider sends it, and it is never metered."""


class Message(NamedTuple):
    """A message as received: header names are in lower case, `received_at` is in microseconds.

    `url` is the public address that was entered at the provider, with its query: some providers sign it. `org_id` is
    the connector's organization.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_at: int
    org_id: str = ""


def build_message(
    url: str, body: bytes, headers: Mapping[str, str], now: int, media_type: str = "application/json"
) -> Message:
    """Build the message that a provider would POST to the address; `now` is in microseconds."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return Message("POST", url, {"content-type": media_type, **lowered}, body, now)


class NotVerified(Exception):
    """The message may not come from the provider, or is too old; the text is a sentence for the connector's health."""


class NotUnderstood(Exception):
    """A verified message that cannot be counted; the text is a sentence that says why. The message is quarantined."""


Assumed = Literal["answered", "channel", "direction", "time zone"]
"""What a message may leave unknown: whether the call was answered, how it came, its direction, its times' zone."""


class RecordUpdate(NamedTuple):
    """The whole state of one record, as a message reports it.

    `id` is the provider's id of the record. `event_id` is the same each time the message is sent again. `time` is when
    it happened, in microseconds; `sequence` orders events of the same instant. `linked_ids` are the ids of the same
    call at other providers, as `provider:id` (`twilio:CA…`). `assumed` names what the message does not say or says in
    an unknown way, so that it has a default value (docs/connectors/README.md, "Unknown values").
    """

    kind: Kind
    id: str
    record: Record | None
    time: int
    event_id: str
    sequence: int = 0
    linked_ids: tuple[str, ...] = ()
    assumed: tuple[Assumed, ...] = ()


class PartialRecordUpdate(NamedTuple):
    """The part of a conversation that one message reports.

    `merge` takes the stored conversation (None if there is none yet) and returns it with this part added, or None if
    this part alone is not a conversation. Messages may arrive in any order and any number of times, so the result must
    depend on neither.
    """

    id: str
    merge: Callable[[Conversation | None], Conversation | None]
    time: int
    event_id: str
    linked_ids: tuple[str, ...] = ()
    assumed: tuple[Assumed, ...] = ()


class Ignored(NamedTuple):
    """A message whose type is not metered. It is counted in the connector's health and acknowledged."""

    type: str


ReadResult = tuple[RecordUpdate | PartialRecordUpdate | Rejection, ...] | Ignored


class SecretForm(NamedTuple):
    """The form of a provider's secrets: a check, and the words for it, such as "wsec_ and further characters"."""

    matches: Callable[[str], bool]
    words: str


class Provider(NamedTuple):
    """One provider: its functions and the facts about it.

    `verify` takes the message and the connector's secrets (the current one and, during a rotation, the previous one)
    and raises NotVerified. `read` raises NotUnderstood; its result must not depend on when the message arrived. `kept`
    are the fields that quarantine may keep (see kept_fields.py). `status` is the HTTP status that the provider expects.
    `make_test_message` takes a secret, an address and the current instant, and returns a signed message of type
    TEST_TYPE; it is None if only the provider can sign. `secret_form` is the form of a secret, if it is documented.
    `make_secret` returns a new one, if the operator chooses it. `replay_fields` are required fields that `kept` lacks,
    whose values do not matter; a replayed message gets them.
    """

    name: str
    side: Side | None
    verify: Callable[[Message, Sequence[str]], None]
    read: Callable[[Message], ReadResult]
    kept: tuple[str, ...]
    status: Literal[200, 204] = 200
    make_test_message: Callable[[str, str, int], Message] | None = None
    secret_form: SecretForm | None = None
    make_secret: Callable[[], str] | None = None
    replay_fields: Mapping[str, str] = MappingProxyType({})
