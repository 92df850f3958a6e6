"""Bad events are quarantined with a clear sentence; the other events of the batch are counted."""

import json

import pytest

from tests.api.organizations import (
    EVENTS,
    PLAIN,
    STRUCTURED,
    Answer,
    OrganizationClient,
    assert_sentence,
    client_of,
    make_sender_key,
    new_organization,
    receipt_of,
)
from tests.events import Json, conversation, event, run
from tests.servers import Server

LONG = "x" * 10_000


def data(**fields: object) -> Json:
    """Return an event with changed data fields (None: without the field)."""
    sample = conversation()
    fields_ = sample["data"]
    assert isinstance(fields_, dict)
    return {**sample, "data": {name: value for name, value in (fields_ | fields).items() if value is not None}}


def envelope(**attributes: object) -> Json:
    """Return an event with changed attributes (None: without the attribute)."""
    return {name: value for name, value in (conversation() | attributes).items() if value is not None}


def encode(event_: Json, raw: str = "") -> bytes:
    """Return an event as JSON, with "<raw>" replaced by `raw`."""
    return json.dumps(event_).replace('"<raw>"', raw).encode("utf-8", "surrogateescape")


DURATIONS = {
    "negative": ("-1", "out_of_range"),
    "barely negative": ("-0.0001", "out_of_range"),
    "longer than a leap year": ("31622400.001", "out_of_range"),
    "huge": ("1e18", "out_of_range"),
    "with a nine-digit exponent": ("1e999999999", "out_of_range"),
    "beyond any exponent": ("1e99999999999999999999", "out_of_range"),
    "with five thousand digits": ("9" * 5_000, "out_of_range"),
    "NaN": ("NaN", "malformed"),
    "infinite": ("-Infinity", "malformed"),
    "a string": ('"60"', "invalid_data"),
    "true": ("true", "invalid_data"),
    "a list": ("[60]", "invalid_data"),
}
TIMES = {
    "the 31st of February": "2026-02-31T12:00:00Z",
    "the 29th of February of a common year": "2026-02-29T12:00:00Z",
    "month 13": "2026-13-01T12:00:00Z",
    "hour 25": "2026-03-01T25:00:00Z",
    "a leap second": "2016-12-31T23:59:60Z",
    "without an offset": "2026-03-01T12:00:00",
    "a bare date": "2026-03-01",
    "seconds since 1970": "1772366400",
    "a year of five digits": "20000-01-01T00:00:00Z",
    "an offset of 25 hours": "2026-03-01T12:00:00+25:00",
    "American": "03/01/2026 12:00 PM",
    "other digits": "٢٠٢٦-03-01T12:00:00Z",
    "long": "2026-03-01T12:00:00Z" + LONG,
}
INSTANTS = {
    "the year 9999": "9999-12-31T23:59:59Z",
    "the year 2100": "2100-01-01T00:00:00Z",
    "2100 in UTC": "2099-12-31T23:59:59-00:01",
    "before 1970": "1969-12-31T23:59:59.999999Z",
    "the first year": "0001-01-01T00:00:00+23:59",
}
BAD = {
    **{f"created_at, {name}": (data(created_at=text), "invalid_data") for name, text in TIMES.items()},
    **{f"created_at, {name}": (data(created_at=text), "out_of_range") for name, text in INSTANTS.items()},
    **{f"time, {name}": (envelope(time=text), "invalid_envelope") for name, text in TIMES.items()},
    **{f"time, {name}": (envelope(time=text), "out_of_range") for name, text in INSTANTS.items()},
    "a created_at that is a number": (data(created_at=1772366400), "invalid_data"),
    "no time": (envelope(time=None), "invalid_envelope"),
    "an empty time": (envelope(time=""), "invalid_envelope"),
    "no created_at": (data(created_at=None), "invalid_data"),
    "no id": (data(id=None), "invalid_data"),
    "an empty id": (data(id=""), "invalid_data"),
    "an id that is a number": (data(id=17), "invalid_data"),
    "an id of 201 bytes": (data(id="x" * 201), "invalid_data"),
    "an id of 201 bytes in 101 letters": (data(id="é" * 100 + "x"), "invalid_data"),
    "an id of 10 kB": (data(id=LONG), "invalid_data"),
    "an id with a NUL": (data(id="call\0"), "invalid_data"),
    "an id with a line break": (data(id="call\n1"), "invalid_data"),
    "an agent of 10 kB": (data(agent_id=LONG), "invalid_data"),
    "a number with a NUL": (data(agent_number="+1\0"), "invalid_data"),
    "an event id of 10 kB": (envelope(id=LONG), "invalid_envelope"),
    "an empty event id": (envelope(id=""), "invalid_envelope"),
    "no event id": (envelope(id=None), "invalid_envelope"),
    "an event id with a NUL": (envelope(id="event\0"), "invalid_envelope"),
    "a source of 501 bytes": (envelope(source="s" * 501), "invalid_envelope"),
    "no source": (envelope(source=None), "invalid_envelope"),
    "another version": (envelope(specversion="0.3"), "invalid_envelope"),
    "no version": (envelope(specversion=None), "invalid_envelope"),
    "no type": (envelope(type=None), "invalid_envelope"),
    "an unknown type": (envelope(type="conversation.created"), "unknown_type"),
    "an unknown type of 10 kB": (envelope(type=LONG), "unknown_type"),
    "no data": (envelope(data=None), "invalid_data"),
    "data that is a list": (envelope(data=[1]), "invalid_data"),
    "data that is a string": (envelope(data="call-1"), "invalid_data"),
    "data in base64": (envelope(data=None, data_base64="e30="), "invalid_data"),
    "an unknown channel": (data(channel="sms"), "invalid_data"),
    "an unknown channel of 10 kB": (data(channel=LONG), "invalid_data"),
    "an empty channel": (data(channel=""), "invalid_data"),
    "no channel": (data(channel=None), "invalid_data"),
    "an unknown direction": (data(direction="sideways"), "invalid_data"),
    "an unknown status": (data(status="done"), "invalid_data"),
    "an unknown modality": (data(modality="video"), "invalid_data"),
    "a run that is in progress": (run(status="in_progress"), "invalid_data"),
    "a run without a status": (event("workflow_execution.updated", {"id": "run-1"}), "invalid_data"),
    "an agent with text for shared": (event("agent.updated", {"id": "a", "shared": "yes"}), "invalid_data"),
    "a deletion of nothing": (event("agent.deleted", {"id": None}), "invalid_data"),
    "a foreign organization": (data(organization_id="foreign"), "foreign_organization"),
    "an organization that is a number": (data(organization_id=5), "invalid_data"),
}


def quarantine_between_good_events(org: OrganizationClient, bad: bytes) -> Answer:
    """Send a bad element between two good events, and return its entry in the receipt."""
    good = [json.dumps(conversation(f"good-{number}")).encode() for number in (1, 2)]
    receipt = receipt_of(org.post(b"[%s,%s,%s]" % (good[0], bad, good[1])))
    [quarantined] = receipt["quarantined"]
    assert receipt["accepted"] == 2
    assert org.calls() == 2
    assert quarantined["index"] == 1
    assert quarantined["kept"] is True
    assert_sentence(quarantined["detail"])
    assert len(quarantined["detail"]) < 500
    answer: Answer = quarantined
    return answer


@pytest.mark.parametrize(("bad", "reason"), BAD.values(), ids=BAD)
def test_bad_event_is_quarantined_and_other_events_are_counted(org: OrganizationClient, bad: Json, reason: str) -> None:
    quarantined = quarantine_between_good_events(org, encode(bad))
    assert quarantined["reason"] == reason
    named = bad.get("id")
    assert quarantined["id"] == (named[:200].replace("\0", "?") if isinstance(named, str) else None)


@pytest.mark.parametrize(("duration", "reason"), DURATIONS.values(), ids=DURATIONS)
def test_impossible_duration_is_quarantined_and_other_events_are_counted(
    org: OrganizationClient, duration: str, reason: str
) -> None:
    bad = data(duration="<raw>")
    quarantined = quarantine_between_good_events(org, encode(bad, duration))
    assert (quarantined["reason"], quarantined["id"]) == (reason, bad["id"])
    assert reason == "malformed" or quarantined["detail"].startswith("data.duration ")


NOT_EVENTS = [b"1", b"null", b'"text"', b"[]", b"[[1,2],{}]", b"true", b"NaN", b"{}", b'{"is": NaN}', b'{"id": {}}']


@pytest.mark.parametrize("element", NOT_EVENTS, ids=bytes.decode)
def test_element_that_is_not_an_event_is_quarantined_with_its_index(org: OrganizationClient, element: bytes) -> None:
    quarantined = quarantine_between_good_events(org, element)
    assert quarantined["reason"] in {"malformed", "invalid_envelope"}
    assert quarantined["id"] is None


SURROGATES = {
    "in the id of the record": data(id="<raw>"),
    "in the id of the event": envelope(id="<raw>"),
    "in the organization": data(organization_id="<raw>"),
}


@pytest.mark.parametrize("raw", [r'"\ud800"', r'"call\udfff1"', '"\udcff"'], ids=["high", "low", "no UTF-8"])
@pytest.mark.parametrize("bad", SURROGATES.values(), ids=SURROGATES)
def test_lone_surrogates_affect_only_their_own_event(org: OrganizationClient, bad: Json, raw: str) -> None:
    assert quarantine_between_good_events(org, encode(bad, raw))["reason"] == "malformed"


def test_repeated_bad_event_is_kept_once(org: OrganizationClient) -> None:
    bad = data(channel="sms")
    first, again = org.send(bad), org.send(bad)
    assert first["quarantined"] == again["quarantined"]
    [line] = org.server.cli("quarantine", "list", "--org", org.id).splitlines()
    assert "\t2x\t" in line


def test_corrected_event_with_the_id_of_the_bad_event_is_counted(org: OrganizationClient) -> None:
    bad = data(channel="sms")
    org.send(bad)
    corrected = conversation()
    assert org.send({**corrected, "id": bad["id"]})["accepted"] == 1
    assert org.calls() == 1


def test_event_for_another_organization_changes_nothing_there(org: OrganizationClient) -> None:
    with new_organization(org.server) as foreign:
        before = foreign.get_summary(from_="2026-03-01", to="2026-03-02")
        quarantine_between_good_events(org, encode(data(organization_id=foreign.id)))
        after = foreign.get_summary(from_="2026-03-01", to="2026-03-02")
    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.content == before.content


def test_sender_cannot_create_an_organization_with_an_invalid_id(server: Server) -> None:
    before = server.cli("orgs", "list")
    events = [conversation(organization_id=org_id) for org_id in ("", "x" * 201, "org\0", "org\n1", "\ud800")]
    with client_of(server, make_sender_key(server)) as sender:
        receipt = receipt_of(sender.post(EVENTS, content=json.dumps(events), headers={"Content-Type": PLAIN}))
    assert [entry["index"] for entry in receipt["quarantined"]] == [0, 1, 2, 3, 4]
    assert server.cli("orgs", "list") == before


def test_bad_structured_event_is_quarantined(org: OrganizationClient) -> None:
    [quarantined] = receipt_of(org.post(encode(data(status="done")), STRUCTURED))["quarantined"]
    assert (quarantined["index"], quarantined["reason"]) == (0, "invalid_data")
