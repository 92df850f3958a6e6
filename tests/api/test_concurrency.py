"""Many senders at once: nothing is lost, nothing is counted twice, and a full queue says so and takes it later."""

import json
import random
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
import pytest

from tests.api.organizations import (
    BATCH,
    EVENTS,
    Answer,
    Organization,
    bins,
    client_of,
    make_sender_key,
    new_organization,
    receipt_of,
    refusal_of,
)
from tests.events import Json, conversation, event, run
from tests.servers import Server, running_server

SENDERS = 32
MAX_WAITING = 200
MAX_WAITING_OF_ONE = MAX_WAITING // 2
CALLS = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), queue_events=str(MAX_WAITING)) as running:
        yield running


class Sent(NamedTuple):
    """What became of all requests of one sender."""

    receipts: list[Answer]
    refusals: int


def send_until_taken(server: Server, key: str, batches: Sequence[Sequence[Json]], start: threading.Barrier) -> Sent:
    """Send batches one after the other, each again while the server has no room for it."""
    receipts: list[Answer] = []
    refusals = 0
    with client_of(server, key) as client:
        start.wait()
        for batch in batches:
            body = json.dumps(batch).encode()
            while (answer := post(client, body)).status_code == 503:
                assert "again" in refusal_of(answer, 503)
                assert int(answer.headers["Retry-After"]) >= 1
                refusals += 1
            receipts.append(receipt_of(answer))
    return Sent(receipts, refusals)


def post(client: httpx.Client, body: bytes) -> httpx.Response:
    return client.post(EVENTS, content=body, headers={"Content-Type": BATCH})


def send_at_once(server: Server, key: str, works: Sequence[Sequence[Sequence[Json]]]) -> list[Sent]:
    """Let a sender of its own send each work, all beginning together."""
    start = threading.Barrier(len(works), timeout=60)
    with ThreadPoolExecutor(len(works)) as senders:
        return list(senders.map(lambda batches: send_until_taken(server, key, batches, start), works))


def in_batches(events: Sequence[Json], size: int) -> list[Sequence[Json]]:
    return [events[begin : begin + size] for begin in range(0, len(events), size)]


def bins_of_all(sent: Sequence[Sent]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*(bins(receipt) for one in sent for receipt in one.receipts), strict=True)))


def at(minute: int, event_: Json) -> Json:
    return {**event_, "time": f"2026-03-01T12:{minute:02}:00Z"}


def told_of(org_id: str) -> list[Json]:
    """Calls from their ringing to their end and a correction; some are deleted; a run and an agent each."""
    told: list[Json] = []
    for number in range(CALLS):
        named = {"organization_id": org_id, "agent_id": f"agent-{number % 3}"}
        call = f"call-{number}"
        told += [
            at(1, conversation(call, **named, status="ringing", duration=None)),
            at(2, conversation(call, **named, duration=number)),
            at(3, conversation(call, **named, duration=number + 0.5)),
            at(4, run(f"run-{number}", **named, status="failed" if number % 4 else "success")),
            at(5, event("agent.updated", {"id": f"agent-{number}", **named})),
        ]
        if number % 10 == 0:
            told.append(at(6, event("conversation.deleted", {"id": call, **named})))
    return told


def without_time(summary: Answer) -> Answer:
    """A summary without what tells of arrival."""
    days = [{name: value for name, value in day.items() if name != "changed_at"} for day in summary["daily"]]
    return {**{name: value for name, value in summary.items() if name != "last_event_at"}, "daily": days}


def test_32_senders_of_the_same_shuffled_events_count_each_once(server: Server) -> None:
    chance = random.Random(20_260_301)
    key = make_sender_key(server)
    with new_organization(server) as one, new_organization(server) as two, new_organization(server) as calm:
        told = [told_of(one.id), told_of(two.id)]
        works = []
        for _ in range(SENDERS):
            shuffled = [event_ for events in told for event_ in events]
            chance.shuffle(shuffled)
            works.append(in_batches(shuffled[: len(shuffled) // 3 * 2], 20))
        works.append(in_batches(told[0] + told[1], 20))
        sent = send_at_once(server, key, works)

        accepted, duplicate, conflicting, stale, quarantined = bins_of_all(sent)
        assert (conflicting, quarantined) == (0, 0)
        assert accepted + duplicate + stale == sum(len(batch) for work in works for batch in work)
        assert 2 * 3 * CALLS <= accepted <= len(told[0]) + len(told[1])

        for event_ in told_of(calm.id):
            calm.send(event_)
        assert without_time(one.summary()) == without_time(two.summary()) == without_time(calm.summary())
        summary = calm.summary()
    counted = [number for number in range(CALLS) if number % 10]
    assert summary["total_calls"] == len(counted)
    assert summary["voice_duration_ms"] == sum(1_000 * number + 500 for number in counted)
    assert (summary["workflow_runs_total"], summary["total_agents"]) == (CALLS, CALLS)


def test_a_full_queue_is_a_503_and_nothing_is_lost_when_it_is_sent_again(server: Server, org: Organization) -> None:
    works = [
        in_batches([conversation(f"call-{sender}-{number}") for number in range(4 * 90)], 90)
        for sender in range(SENDERS)
    ]
    sent = send_at_once(server, org.key, works)
    assert sum(one.refusals for one in sent) > 0
    assert bins_of_all(sent) == (SENDERS * 4 * 90, 0, 0, 0, 0)
    assert org.calls() == SENDERS * 4 * 90


def test_an_organization_that_floods_the_queue_leaves_room_for_another_one(server: Server, org: Organization) -> None:
    with new_organization(server) as modest:
        flood = [in_batches([conversation(f"call-{n}-{i}") for i in range(400)], MAX_WAITING_OF_ONE) for n in range(8)]
        start = threading.Barrier(len(flood) + 1, timeout=60)
        with ThreadPoolExecutor(len(flood) + 1) as senders:
            flooding = [senders.submit(send_until_taken, server, org.key, batches, start) for batches in flood]
            batches = in_batches([conversation(f"call-{number}") for number in range(200)], 10)
            calm = senders.submit(send_until_taken, server, modest.key, batches, start)
        assert calm.result().refusals == 0
        assert sum(one.result().refusals for one in flooding) > 0
        assert (modest.calls(), org.calls()) == (200, 8 * 400)


def test_a_request_larger_than_the_queue_is_taken_when_the_queue_is_empty(org: Organization) -> None:
    calls = [conversation(f"call-{number}") for number in range(10 * MAX_WAITING)]
    start = threading.Barrier(1)
    assert bins_of_all([send_until_taken(org.server, org.key, [calls], start)]) == (len(calls), 0, 0, 0, 0)
    assert org.calls() == len(calls)


def test_a_reader_sees_no_event_by_halves(server: Server, org: Organization) -> None:
    """Each batch brings as many calls in as out, and of each the same minutes; so does every summary read meanwhile."""
    batches = [
        [conversation(f"call-{n}-{way}", direction=way, duration=n) for way in ("inbound", "outbound")]
        for n in range(100)
    ]
    start = threading.Barrier(1)
    seen = set()
    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(send_until_taken, server, org.key, batches, start)
        while not sending.done():
            summary = org.summary()
            assert summary["inbound_calls"] == summary["outbound_calls"]
            assert summary["total_calls"] == summary["daily"][0]["calls"]
            assert summary["voice_duration_ms"] == summary["daily"][0]["voice_duration_ms"]
            seen.add(summary["total_calls"])
    assert bins_of_all([sending.result()]) == (200, 0, 0, 0, 0)
    assert len(seen) > 1
    assert not any(total % 2 for total in seen)


def ask_until(over: threading.Event, org: Organization) -> int:
    """Ask for the summary again and again; how many answers came."""
    answers = 0
    while not over.is_set():
        org.summary()
        answers += 1
    return answers


def test_events_are_written_while_there_is_always_somebody_who_waits_for_an_answer(server: Server) -> None:
    over = threading.Event()
    with new_organization(server) as one, new_organization(server) as two, ThreadPoolExecutor(8) as readers:
        asking = [readers.submit(ask_until, over, org) for org in (one, two) * 4]
        try:
            receipt = one.send(*(conversation(f"call-{number}") for number in range(2_000)))
        finally:
            over.set()
        answers = sum(each.result() for each in asking)
        assert (bins(receipt)[0], one.calls(), two.calls()) == (2_000, 2_000, 0)
    assert answers > 0
