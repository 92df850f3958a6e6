"""The messages that are delivered: JSON for webhooks, and the source of the texts of e-mails."""

from hashlib import sha256
from typing import Final

import msgspec

CROSSED: Final = "budget.crossed"
TEST: Final = "webhook.test"
CONFIRM: Final = "email.confirm"
_ID_BYTES: Final = 16


class MessagePeriod(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The period of a budget, as instants: `from_` included, `to` not."""

    from_: str
    to: str


class CrossingData(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that reached a threshold. `limit`, `value` and `percent` are decimal numbers, `threshold` is percent."""

    budget_id: str
    name: str
    organization_id: str
    metric: str
    filter: dict[str, str]
    period: MessagePeriod
    threshold: int
    limit: str
    value: str
    percent: str


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """A message that only shows that a webhook works."""

    organization_id: str
    webhook_id: str


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """A request to confirm an e-mail address."""

    organization_id: str
    address: str


class Message(msgspec.Struct, frozen=True):
    """A message; `timestamp` says when its cause happened."""

    type: str
    timestamp: str
    data: CrossingData | Ping | Confirmation


def message_id(org_id: str, *parts: str) -> str:
    """Return an id for the `webhook-id` header: the same for the same parts, different for different organizations."""
    digest = sha256(msgspec.json.encode([org_id, *parts])).hexdigest()
    return f"msg_{digest[: 2 * _ID_BYTES]}"


def encode_message(message: Message) -> str:
    """Return a message as JSON."""
    return msgspec.json.encode(message).decode()


def decode_message(body: str) -> Message:
    """Return a stored message. Raises ValueError if it is damaged."""
    outer = msgspec.json.decode(body, type=_Undecoded)
    data = msgspec.json.decode(outer.data, type=_DATA[outer.type])
    return Message(outer.type, outer.timestamp, data)


class _Undecoded(msgspec.Struct, frozen=True):
    type: str
    timestamp: str
    data: msgspec.Raw


_DATA: Final[dict[str, type[CrossingData | Ping | Confirmation]]] = {
    CROSSED: CrossingData,
    TEST: Ping,
    CONFIRM: Confirmation,
}
