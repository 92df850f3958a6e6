"""Webhook messages for tests: recorded samples with their signatures, and shorthands to read and change messages."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    PartialRecordUpdate,
    Provider,
    RecordUpdate,
)
from talkmeter.period import microseconds
from talkmeter.records import Conversation

SAMPLES: Final = Path(__file__).parent / "samples"
FORM: Final = "application/x-www-form-urlencoded"
SECOND: Final = 1_000_000
NOW: Final = 1_760_000_000 * SECOND
"""When the samples were signed."""
CALLER: Final = "5550006"
"""The digits of the other party's number in the samples; no record and no error may contain them."""


class Vector(msgspec.Struct):
    """An entry of signature_vectors.json: a sample, and the headers with which it was signed."""

    provider: str
    sample: str
    headers: dict[str, str]
    secret: str = ""
    public_key: str = ""
    url: str = "https://meter.example.com/hooks/t_1"

    @property
    def body(self) -> bytes:
        """The sample."""
        return sample(self.sample)

    @property
    def content_type(self) -> str:
        """The media type that the provider sends."""
        return FORM if self.sample.endswith(".form") else "application/json"

    @property
    def connector_secret(self) -> str:
        """The secret that a connector needs to verify it."""
        return self.secret or self.public_key

    def message(self) -> Message:
        """Return the sample as a signed message."""
        lowered = {name.lower(): value for name, value in self.headers.items()}
        return Message("POST", self.url, {"content-type": self.content_type, **lowered}, self.body, NOW)


def all_vectors() -> list[Vector]:
    """Return every entry of signature_vectors.json."""
    return msgspec.json.decode((SAMPLES / "signature_vectors.json").read_bytes(), type=list[Vector])


def vectors(provider: str) -> list[Vector]:
    """Return the entries of one provider."""
    return [vector for vector in all_vectors() if vector.provider == provider]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def json_sample(name: str) -> Any:
    return json.loads(sample(name))


def message(body: bytes | dict[str, Any], headers: Mapping[str, str] | None = None, at: int = NOW) -> Message:
    """Return an unsigned message."""
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    return Message("POST", "https://meter.example.com/hooks/provider/t_1", lowered, raw, at)


def with_header(message: Message, name: str, value: str) -> Message:
    return message._replace(headers={**message.headers, name: value})


def without_header(message: Message, name: str) -> Message:
    return message._replace(headers={known: value for known, value in message.headers.items() if known != name})


def flipped_bits(data: bytes) -> Iterator[bytes]:
    """Yield every byte string that differs in one bit."""
    for place, byte in enumerate(data):
        for bit in range(8):
            yield data[:place] + bytes([byte ^ (1 << bit)]) + data[place + 1 :]


def flipped_header_bits(message: Message, name: str) -> Iterator[Message]:
    """Yield every message that differs in one bit of a header."""
    for value in flipped_bits(message.headers[name].encode("latin-1")):
        yield with_header(message, name, value.decode("latin-1"))


def is_verified(provider: Provider, message: Message, *secrets: str) -> bool:
    """Return whether a message is verified. Any exception but NotVerified fails the test."""
    try:
        provider.verify(message, secrets)
    except NotVerified as error:
        assert_sentence(str(error))
        return False
    return True


def record_update(provider: Provider, received: Message | dict[str, Any]) -> RecordUpdate:
    """Return the only record update of a message."""
    reading = provider.read(received if isinstance(received, Message) else message(received))
    assert isinstance(reading, tuple)
    (update,) = reading
    assert isinstance(update, RecordUpdate)
    return update


def partial_update(provider: Provider, received: Message) -> PartialRecordUpdate:
    """Return the only update of a message that is a part of its record."""
    reading = provider.read(received)
    assert isinstance(reading, tuple)
    (update,) = reading
    assert isinstance(update, PartialRecordUpdate)
    return update


def conversation_of(provider: Provider, received: Message | dict[str, Any]) -> Conversation:
    """Return the conversation of a message."""
    record = record_update(provider, received).record
    assert isinstance(record, Conversation)
    return record


def ignored_type(provider: Provider, message: Message) -> str:
    """Return the type under which a message is ignored."""
    reading = provider.read(message)
    assert isinstance(reading, Ignored)
    return reading.type


def refusal(provider: Provider, message: Message) -> str:
    """Return the error of a message that cannot be counted."""
    with pytest.raises(NotUnderstood) as caught:
        provider.read(message)
    assert_sentence(str(caught.value))
    return str(caught.value)


def assert_sentence(text: str) -> None:
    """Check that an error ends with a period and contains no caller's number."""
    assert text.endswith(".")
    assert CALLER not in text


def utc(*parts: int) -> int:
    """Return a date and time in UTC as microseconds."""
    return microseconds(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]  # the parts are a date and time
