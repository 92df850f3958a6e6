"""What the tests of connectors share: samples as the stacks sent them, every small change of them, and wild ones."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    PartialRecordUpdate,
    Provider,
    ReadResult,
    RecordUpdate,
)
from tests.connectors.signed_samples import SAMPLES, bits_flipped, with_header

SECOND: Final = 1_000_000
NOW: Final = 1_760_000_000 * SECOND
"""The instant at which the samples were signed."""


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def json_sample(name: str) -> Any:
    return json.loads(sample(name))


def signed_sample(stack: str, name: str, header: str) -> tuple[Message, str]:
    """A sample with the headers that were made for it by others, and the secret they were made with."""
    vectors = json.loads(sample("signature_vectors.json"))
    vector = next(
        each for each in vectors if (each["stack"], each["sample"]) == (stack, name) and header in each["headers"]
    )
    return message(sample(name), vector["headers"]), vector["secret"]


def message(body: bytes | dict[str, Any], headers: Mapping[str, str] | None = None, at: int = NOW) -> Message:
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    lowered = {name.lower(): value for name, value in (headers or {}).items()}
    return Message("POST", "https://meter.example.com/hooks/stack/t_1", lowered, raw, at)


def told(provider: Provider, body: bytes | dict[str, Any], at: int = NOW) -> RecordUpdate:
    """The one record that a message tells of."""
    reading = provider.read(message(body, at=at))
    assert not isinstance(reading, Ignored)
    (part,) = reading
    assert isinstance(part, RecordUpdate)
    return part


def is_understood(provider: Provider, received: Message) -> bool:
    """Whether a message is understood or of a type that is not metered; else the reason is a sentence."""
    reading: ReadResult = ()
    reason = ""
    try:
        reading = provider.read(received)
    except NotUnderstood as refusal:
        reason = str(refusal)
    assert reason == "" or reason.endswith(".")
    if not isinstance(reading, Ignored):
        for part in reading:
            assert part.id
            assert part.event_id
            if isinstance(part, PartialRecordUpdate):
                part.merge(part.merge(None))
    return reason == ""


def headers_flipped(received: Message, name: str) -> Iterator[Message]:
    """The message with each bit of one header changed, as a server hands headers on."""
    for changed in bits_flipped(received.headers[name].encode("latin-1")):
        yield with_header(received, name, changed.decode("latin-1"))


TEXTS: Final = st.text(max_size=30) | st.sampled_from(["", "0", "-1", "\x00", "x" * 300, "2026-02-30T00:00:00Z", "é"])
SECRETS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
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


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """A JSON document with one of its values, however deep, replaced, or taken out."""
    if not isinstance(document, dict) or not document or draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    changed = dict(document)
    key = draw(st.sampled_from(sorted(document)))
    if draw(st.integers(0, 4)) == 0:
        del changed[key]
    else:
        changed[key] = draw(mutated(document[key]))
    return changed


def wild_bodies(*documents: Any) -> st.SearchStrategy[bytes]:
    """Samples with single values changed, pieces of them, and bytes of any kind."""
    changed = st.sampled_from(documents).flatmap(mutated).map(lambda document: json.dumps(document).encode())
    cut = st.builds(lambda body, at: body[:at] + body[at + 1 :], changed, st.integers(0, 2_000))
    deep = st.sampled_from([b"[", b'{"a":', b'{"message":', b'{"call":']).map(lambda piece: piece * 100_000)
    return changed | cut | st.binary(max_size=200) | deep


WILD_HEADERS: Final = st.dictionaries(
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
