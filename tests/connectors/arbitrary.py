"""Hypothesis strategies for webhook messages: samples with parts replaced, removed or damaged, and arbitrary bytes."""

import json
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    PartialRecordUpdate,
    Provider,
    ReadResult,
)
from talkmeter.ledger.batch import Rejection
from talkmeter.period import within_range
from talkmeter.records import Conversation
from tests.connectors.messages import message

SECRETS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
TEXTS: Final = st.text(max_size=30) | st.sampled_from(["", "0", "-1", "\x00", "x" * 300, "2026-02-30T00:00:00Z", "é"])
LEAVES: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**63, 10**400, 1.5, 1e300, -1e-300, 4_102_444_800, 4_102_444_800_000])
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES: Final = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
HEADERS: Final = st.dictionaries(
    st.sampled_from(
        [
            "authorization",
            "x-vapi-secret",
            "x-signature",
            "x-timestamp",
            "x-retell-signature",
            "elevenlabs-signature",
            "x-talkmeter-secret",
        ]
    ),
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))
    | st.from_regex(r"\A(v|t)=[0-9]{1,20},(d|v0)=[0-9a-f]{64}\Z")
    | st.from_regex(r"\A[0-9]{1,30}\Z")
    | st.from_regex(r"\A(Bearer )?[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\Z"),
)


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """A JSON document with one value, at any depth, replaced or removed."""
    if not isinstance(document, dict) or not document or draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    changed = dict(document)
    key = draw(st.sampled_from(sorted(document)))
    if draw(st.integers(0, 4)) == 0:
        del changed[key]
    else:
        changed[key] = draw(mutated(document[key]))
    return changed


def bodies_like(*documents: Any) -> st.SearchStrategy[bytes]:
    """Mutated documents, some with a byte missing, deeply nested ones, and arbitrary bytes."""
    changed = st.sampled_from(documents).flatmap(mutated).map(lambda document: json.dumps(document).encode())
    cut = st.builds(lambda body, at: body[:at] + body[at + 1 :], changed, st.integers(0, 2_000))
    deep = st.sampled_from([b"[", b'{"a":', b'{"message":', b'{"call":']).map(lambda piece: piece * 100_000)
    return changed | cut | st.binary(max_size=200) | deep


def messages_of(*documents: Any) -> st.SearchStrategy[Message]:
    """Messages with bodies like the documents and arbitrary headers."""
    return st.builds(message, bodies_like(*documents), HEADERS)


def messages_like(message: Message, headers: tuple[str, ...]) -> st.SearchStrategy[Message]:
    """A message with bytes of the body replaced, removed or inserted, and arbitrary headers and URL."""
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


def assert_reads_or_refuses(provider: Provider, message: Message) -> None:
    """Check that reading returns countable records or raises NotUnderstood with a sentence, and nothing else."""
    try:
        reading = provider.read(message)
    except NotUnderstood as error:
        reason = str(error)
    else:
        reason = ""
        _check_reading(reading)
    assert reason == "" or reason.endswith(".")


def _check_reading(reading: ReadResult) -> None:
    if isinstance(reading, Ignored):
        assert 0 < len(reading.type) <= 60
        return
    for update in reading:
        if isinstance(update, Rejection):
            assert update.detail.endswith(".")
            continue
        assert 0 < len(update.id.encode()) <= 200
        assert update.event_id
        assert within_range(update.time)
        record = update.merge(None) if isinstance(update, PartialRecordUpdate) else update.record
        if isinstance(update, PartialRecordUpdate):
            update.merge(update.merge(None))
        if isinstance(record, Conversation):
            assert within_range(record.created_at)
            assert record.duration_ms is None or 0 <= record.duration_ms <= 31_622_400_000
        msgspec.json.encode(record)
