"""Strategies for events, broken events and snapshots, drawn from few values so that they often collide."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from tests.laws.model import DAY, EPOCH, Json, RawEvent, RawSnapshot

ORG = "acme"
OWN_NAMES = (None, "", ORG)
"""Values of `organization_id` that mean the organization of the sending key."""
FIRST_DAY = 19_781
"""2024-02-28: the generated days include a leap day and the end of a month."""
DAYS = 3
INVENTORY = ("agent", "phone_number", "web_widget", "dataset")

Events = st.SearchStrategy[RawEvent]
Fields = dict[str, st.SearchStrategy[Any]]
T = TypeVar("T")


def weighted(**weights: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """Draw from one of several strategies, each as often as its weight (`one_of` flattens nested ones)."""
    names = [name for name, (weight, _) in weights.items() for _ in range(weight)]
    return st.sampled_from(names).flatmap(lambda name: weights[name][1])


def short_and_long_lists(element: st.SearchStrategy[T], max_size: int = 20) -> st.SearchStrategy[list[T]]:
    """Generate short and long lists (by default Hypothesis hardly ever draws more than five elements)."""
    return st.lists(element, max_size=5) | st.lists(element, min_size=max_size // 2, max_size=max_size)


def _format(moment: int, offset_minutes: int, finer: str) -> str:
    """Format an instant as a sender can: with a UTC offset and digits finer than a microsecond."""
    local = EPOCH + timedelta(microseconds=moment, minutes=offset_minutes)
    fraction = f".{moment % 1_000_000:06}{finer}" if finer or moment % 1_000_000 else ""
    hours, minutes = divmod(abs(offset_minutes), 60)
    offset = f"{'-' if offset_minutes < 0 else '+'}{hours:02}:{minutes:02}" if offset_minutes else "Z"
    return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{offset}"


_EDGES = sorted(
    (FIRST_DAY + day) * DAY + part + step
    for day in range(DAYS + 1)
    for part in (0, DAY // 2)
    for step in (-1_000_000, -1, 0, 1)
)
moments = st.sampled_from(_EDGES) | st.integers(FIRST_DAY * DAY, (FIRST_DAY + DAYS) * DAY)
"""Instants in microseconds since 1970, often next to a midnight or a noon."""

_offsets = st.sampled_from((0, 0, 0, 330, -720, 840))
_finer = st.sampled_from(("", "", "0", "4999", "999999999"))
_created_at = st.builds(_format, moments, _offsets, _finer)
_NOON = (FIRST_DAY + 1) * DAY + DAY // 2
_times = st.sampled_from(
    [
        _format(_NOON + step, offset, finer)
        for step in (0, 0, 0, -1, 1, 1_000_000)
        for offset, finer in ((0, ""), (-60, "9"))
    ]
)
_SECONDS = (
    "null", '""', "0", "-0.0", "0.0004", "0.0005", "0.0004" + "9" * 40, "0.5e-3", "1", "2.4995",
    "59.9994", "59.9995", "60", "1e2", "300", "31622400", "31622400.000",
)  # fmt: skip
_durations = (
    st.sampled_from(_SECONDS)
    | st.integers(0, 400_000).map(lambda half_ms: f"{half_ms // 2_000}.{half_ms % 2_000 * 5:04}")
).map(lambda text: msgspec.Raw(text.encode()))
IDS = ("a", "b", 'ü"\\ \U0001f4de')
_ids = st.sampled_from(("a", *IDS))
_references = st.sampled_from((None, "", "a", "b", "ü"))
_sequences = st.sampled_from(("1", "2", "10", "007", "-3", 2, 10, 10**18, "9" * 19, "1.5", 1.5, "", "abc", None, True))


CALL_STATUSES = (
    *("completed", "failed", "cancelled", "transferred", "unanswered"),
    *("triggered", "ringing", "in_progress", "token_created"),
)
_CALL: Fields = {
    "id": _ids,
    "channel": st.sampled_from(("telephone", "webrtc", "text", "email")),
    "direction": st.sampled_from(("inbound", "outbound")),
    "status": st.sampled_from(CALL_STATUSES),
    "created_at": _created_at,
}
_CALL_OPTIONAL: Fields = {
    "duration": _durations,
    "modality": st.sampled_from((None, "", "voice", "chat")),
    "agent_id": _references,
    "agent_number": _references,
    "web_widget_id": _references,
    "transcript": st.just("never metered"),
}
_RUN: Fields = {
    "id": _ids,
    "status": st.sampled_from(("running", "waiting", "success", "failed", "cancelled")),
    "created_at": _created_at,
}
_flag = st.sampled_from((True, True, False, None))
_ITEM_OPTIONAL: Fields = {"name": st.sampled_from((None, "", "front desk")), "shared": _flag, "active": _flag}
_UPDATED = ("updated",)
_SOMETIMES_DELETED = _UPDATED * 9 + ("deleted",)


def _payload(
    noun: str, organizations: st.SearchStrategy[str | None], verbs: tuple[str, ...] = _SOMETIMES_DELETED
) -> st.SearchStrategy[Json]:
    """Generate the type and data of an event."""
    organization: Fields = {"organization_id": organizations}
    match noun:
        case "conversation":
            data = st.fixed_dictionaries(_CALL | organization, optional=_CALL_OPTIONAL)
        case "workflow_execution":
            data = st.fixed_dictionaries(_RUN | organization, optional={"workflow_id": _references})
        case _:
            data = _item(organizations)
    return st.builds(lambda verb, data: {"type": f"{noun}.{verb}", "data": data}, st.sampled_from(verbs), data)


def _item(organizations: st.SearchStrategy[str | None]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"id": _ids, "organization_id": organizations}, optional=_ITEM_OPTIONAL)


def _in_envelope(payloads: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    envelope = st.fixed_dictionaries(
        {
            "specversion": st.just("1.0"),
            "id": st.sampled_from(("1", "1", "1", "2", "2", "talkmeter:snapshot")),
            "source": st.sampled_from(("/a", "/a", "/a", "ü:b", "talkmeter:snapshot")),
            "time": _times,
        },
        optional={"sequence": _sequences},
    )
    return st.builds(lambda outer, inner: {**outer, **inner}, envelope, payloads)


_NOT_AN_EVENT = (
    b"5",
    b"null",
    b"[]",
    b'"]"',
    b'{"duration":NaN}',
    rb'{"id":"\ud800","specversion":"1.0"}',
    b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
)
_BROKEN_ENVELOPE: tuple[Json, ...] = (
    {"specversion": "0.3"},
    {"id": ""},
    {"id": "x" * 201},
    {"source": "\n"},
    {"type": "conversation.upgraded"},
    {"time": None},
    {"time": "2024-02-29T12:00:00"},
    {"time": "1969-12-31T23:59:59.9999999Z"},
    {"data": None},
    {"data": []},
)
_BROKEN_DATA: tuple[Json, ...] = (
    {"id": ""},
    {"id": 7},
    {"organization_id": "foreign\x7f"},
    {"channel": "fax"},
    {"direction": ""},
    {"status": "busy"},
    {"modality": "video"},
    {"created_at": "2024-02-29"},
    {"created_at": "2100-01-01T00:00:00Z"},
    {"duration": -1},
    {"duration": "60"},
    {"duration": 31_622_401},
    {"agent_id": "\x00"},
)


def events(
    org_ids: Sequence[str | None] = OWN_NAMES,
    *,
    calls: int = 5,
    runs: int = 2,
    items: int = 4,
    kinds: Sequence[str] = INVENTORY,
) -> Events:
    """Generate valid events. `calls`, `runs` and `items` are relative frequencies; `kinds` are those of the items."""
    organizations = st.sampled_from(org_ids)
    payloads = weighted(
        call=(calls, _payload("conversation", organizations)),
        run=(runs, _payload("workflow_execution", organizations)),
        item=(items, st.sampled_from(kinds).flatmap(lambda noun: _payload(noun, organizations))),
    )
    return _in_envelope(payloads).map(lambda event: RawEvent(msgspec.json.encode(event)))


def deletion(noun: str, id_: str) -> Events:
    """Generate `<noun>.deleted` events of one record, with any time and source."""
    payload = {"type": f"{noun}.deleted", "data": {"id": id_}}
    return _in_envelope(st.just(payload)).map(lambda event: RawEvent(msgspec.json.encode(event)))


def broken_events(org_ids: Sequence[str | None] = OWN_NAMES) -> Events:
    """Generate events that belong in quarantine."""
    calls = _in_envelope(_payload("conversation", st.sampled_from(org_ids), _UPDATED))
    envelopes = st.builds(lambda event, wrong: {**event, **wrong}, calls, st.sampled_from(_BROKEN_ENVELOPE))
    data = st.builds(
        lambda event, wrong: {**event, "data": event["data"] | wrong}, calls, st.sampled_from(_BROKEN_DATA)
    )
    texts = st.sampled_from(_NOT_AN_EVENT) | (envelopes | data).map(msgspec.json.encode)
    return texts.map(lambda raw: RawEvent(raw, broken=True))


@st.composite
def snapshots(
    draw: st.DrawFn, org_ids: Sequence[str | None] = OWN_NAMES, kinds: Sequence[str] = INVENTORY
) -> RawSnapshot:
    """Generate full lists of one kind, with a time before, at or after those of events; items can repeat."""
    items = draw(st.lists(_item(st.sampled_from(org_ids)), max_size=3))
    return RawSnapshot(draw(st.sampled_from(kinds)), msgspec.json.encode({"time": draw(_times), "items": items}))
