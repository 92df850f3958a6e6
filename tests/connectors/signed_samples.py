"""Samples of what stacks send, each with headers that prove it, and ways to change a message."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest
from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    PartialRecordUpdate,
    Provider,
    RecordUpdate,
)
from talkmeter.period import microseconds, within_range
from talkmeter.records import Conversation

SAMPLES: Final = Path(__file__).parent / "samples"
CALLER: Final = "5550006"
"""Digits of the number of whoever is called or calls in the samples; no sentence may show them."""
FORM: Final = "application/x-www-form-urlencoded"


class Vector(msgspec.Struct):
    """One entry of signature_vectors.json."""

    stack: str
    sample: str
    headers: dict[str, str]
    secret: str = ""
    public_key: str = ""
    frozen_time: int = 0
    url: str = "https://meter.example.com/hooks/t_1"

    def message(self) -> Message:
        """The message, just as it was signed."""
        content_type = FORM if self.sample.endswith(".form") else "application/json"
        return Message(
            method="POST",
            url=self.url,
            headers={"content-type": content_type, **{name.lower(): value for name, value in self.headers.items()}},
            body=(SAMPLES / self.sample).read_bytes(),
            received_at=self.frozen_time * 1_000_000,
        )


def vectors(stack: str) -> list[Vector]:
    """The vectors of one stack."""
    every = msgspec.json.decode((SAMPLES / "signature_vectors.json").read_bytes(), type=list[Vector])
    return [vector for vector in every if vector.stack == stack]


def utc(*parts: int) -> int:
    """A date and time in UTC, in microseconds."""
    return microseconds(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type,misc]  # the parts are a date and time


class Changed(NamedTuple):
    """A message that one bit was changed of, and where."""

    place: str
    message: Message


def single_bit_changes(message: Message, headers: tuple[str, ...]) -> Iterator[Changed]:
    """Every message that differs in one bit of its body, of its address or of one of the headers."""
    for body in bits_flipped(message.body):
        yield Changed("body", message._replace(body=body))
    for url in bits_flipped(message.url.encode()):
        yield Changed("url", message._replace(url=url.decode("latin-1")))
    for name in headers:
        for value in bits_flipped(message.headers[name].encode()):
            yield Changed(name, with_header(message, name, value.decode("latin-1")))


def with_header(message: Message, name: str, value: str) -> Message:
    return message._replace(headers={**message.headers, name: value})


def bits_flipped(data: bytes) -> Iterator[bytes]:
    """Everything that differs in one bit."""
    for place, byte in enumerate(data):
        for bit in range(8):
            yield data[:place] + bytes([byte ^ (1 << bit)]) + data[place + 1 :]


def is_proved(provider: Provider, message: Message, *secrets: str) -> bool:
    """Whether a message is proved; any exception but NotVerified is a failure."""
    try:
        provider.verify(message, secrets)
    except NotVerified as refusal:
        assert_sentence(str(refusal))
        return False
    return True


def told(provider: Provider, message: Message) -> RecordUpdate:
    """The one record that a message tells of."""
    reading = provider.read(message)
    assert isinstance(reading, tuple)
    (only,) = reading
    assert isinstance(only, RecordUpdate)
    return only


def conversation(told_: RecordUpdate) -> Conversation:
    assert isinstance(told_.record, Conversation)
    return told_.record


def ignored(provider: Provider, message: Message) -> str:
    """The type that a message is ignored as."""
    reading = provider.read(message)
    assert isinstance(reading, Ignored)
    return reading.type


def refusal_of(provider: Provider, message: Message) -> str:
    """The sentence that says why a message cannot be counted."""
    with pytest.raises(NotUnderstood) as caught:
        provider.read(message)
    assert_sentence(str(caught.value))
    return str(caught.value)


def assert_sentence(text: str) -> None:
    """It ends as a sentence does, and shows nobody's number."""
    assert text.endswith(".")
    assert CALLER not in text


def assert_reads_or_refuses(provider: Provider, message: Message) -> None:
    """Reading gives records that can be counted, or a sentence; it never raises anything else."""
    try:
        reading = provider.read(message)
    except NotUnderstood:
        return
    if isinstance(reading, Ignored):
        assert 0 < len(reading.type) <= 60
        return
    for part in reading:
        assert 0 < len(part.id.encode()) <= 200
        assert part.event_id
        assert within_range(part.time)
        record = part.merge(None) if isinstance(part, PartialRecordUpdate) else part.record
        if isinstance(record, Conversation):
            assert within_range(record.created_at)
            assert record.duration_ms is None or 0 <= record.duration_ms <= 31_622_400_000
        msgspec.json.encode(record)


def messages_like(message: Message, headers: tuple[str, ...]) -> st.SearchStrategy[Message]:
    """Messages made of a real one: bytes of the body replaced, cut out or put in, headers and address made up."""
    anything = st.text() | st.text(st.characters())
    return st.builds(
        lambda method, url, values, body, received_at: message._replace(
            method=method,
            url=url,
            headers={**message.headers, **values},
            body=body,
            received_at=received_at,
        ),
        method=st.sampled_from(("POST", "GET", "PUT", "")),
        url=st.just(message.url) | anything | anything.map(lambda query: f"{message.url}?{query}"),
        values=st.dictionaries(st.sampled_from((*headers, "content-type")), anything),
        body=_damaged(message.body) | st.binary(),
        received_at=st.just(message.received_at) | st.integers(0, 4_102_444_800_000_000),
    )


def _damaged(body: bytes) -> st.SearchStrategy[bytes]:
    place = st.integers(0, len(body))
    return st.builds(
        lambda start, length, new: body[:start] + new + body[start + length :],
        start=place,
        length=st.integers(0, 20) | place,
        new=st.binary(max_size=8),
    )


def agrees(ours: Callable[[Message], bool], theirs: Callable[[Message], bool], messages: Iterator[Changed]) -> int:
    """How many of the messages are proved by both; where the two differ, the place is named."""
    proved = 0
    for place, message in messages:
        accepted = ours(message)
        assert accepted == theirs(message), (place, message)
        proved += accepted
    return proved
