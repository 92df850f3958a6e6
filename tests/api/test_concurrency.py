"""Concurrent senders: nothing is lost or counted twice, and a full queue accepts retries."""

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
    OrganizationClient,
    client_of,
    counts_of,
    error_of,
    make_sender_key,
    new_organization,
    receipt_of,
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


class SenderResult(NamedTuple):
    """The receipts of one sender, and how often it got 503."""

    receipts: list[Answer]
    refusals: int


def send_with_retries(
    server: Server, key: str, batches: Sequence[Sequence[Json]], start: threading.Barrier
) -> SenderResult:
    """Send batches in order, and retry each while the server responds with 503."""
    receipts: list[Answer] = []
    refusals = 0
    with client_of(server, key) as client:
        start.wait()
        for batch in batches:
            body = json.dumps(batch).encode()
            while (answer := post(client, body)).status_code == 503:
                assert "retry shortly" in error_of(answer, 503)
                assert int(answer.headers["Retry-After"]) >= 1
                refusals += 1
            receipts.append(receipt_of(answer))
    return SenderResult(receipts, refusals)


def post(client: httpx.Client, body: bytes) -> httpx.Response:
    return client.post(EVENTS, content=body, headers={"Content-Type": BATCH})


def send_concurrently(server: Server, key: str, workloads: Sequence[Sequence[Sequence[Json]]]) -> list[SenderResult]:
    """Send each list of batches from its own sender, all starting together."""
    start = threading.Barrier(len(workloads), timeout=60)
    with ThreadPoolExecutor(len(workloads)) as senders:
        return list(senders.map(lambda batches: send_with_retries(server, key, batches, start), workloads))


def in_batches(events: Sequence[Json], size: int) -> list[Sequence[Json]]:
    return [events[begin : begin + size] for begin in range(0, len(events), size)]


def total_bins(sent: Sequence[SenderResult]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*(counts_of(receipt) for result in sent for receipt in result.receipts), strict=True)))


def at(minute: int, event_: Json) -> Json:
    return {**event_, "time": f"2026-03-01T12:{minute:02}:00Z"}


def events_of(org_id: str) -> list[Json]:
    """Return calls (ringing, completed, corrected, some deleted), each with a run and an agent."""
    events: list[Json] = []
    for number in range(CALLS):
        named = {"organization_id": org_id, "agent_id": f"agent-{number % 3}"}
        call = f"call-{number}"
        events += [
            at(1, conversation(call, **named, status="ringing", duration=None)),
            at(2, conversation(call, **named, duration=number)),
            at(3, conversation(call, **named, duration=number + 0.5)),
            at(4, run(f"run-{number}", **named, status="failed" if number % 4 else "success")),
            at(5, event("agent.updated", {"id": f"agent-{number}", **named})),
        ]
        if number % 10 == 0:
            events.append(at(6, event("conversation.deleted", {"id": call, **named})))
    return events


def without_time(summary: Answer) -> Answer:
    """Return a summary without arrival times."""
    days = [{name: value for name, value in day.items() if name != "changed_at"} for day in summary["daily"]]
    return {**{name: value for name, value in summary.items() if name != "last_event_at"}, "daily": days}


def test_32_senders_of_the_same_shuffled_events_count_each_once(server: Server) -> None:
    chance = random.Random(20_260_301)
    key = make_sender_key(server)
    with new_organization(server) as one, new_organization(server) as two, new_organization(server) as sequential:
        events_by_org = [events_of(one.id), events_of(two.id)]
        workloads = []
        for _ in range(SENDERS):
            shuffled = [event_ for events in events_by_org for event_ in events]
            chance.shuffle(shuffled)
            workloads.append(in_batches(shuffled[: len(shuffled) // 3 * 2], 20))
        workloads.append(in_batches(events_by_org[0] + events_by_org[1], 20))
        sent = send_concurrently(server, key, workloads)

        accepted, duplicate, conflicting, stale, quarantined = total_bins(sent)
        assert (conflicting, quarantined) == (0, 0)
        assert accepted + duplicate + stale == sum(len(batch) for batches in workloads for batch in batches)
        assert 2 * 3 * CALLS <= accepted <= len(events_by_org[0]) + len(events_by_org[1])

        for event_ in events_of(sequential.id):
            sequential.send(event_)
        assert without_time(one.summary()) == without_time(two.summary()) == without_time(sequential.summary())
        summary = sequential.summary()
    counted = [number for number in range(CALLS) if number % 10]
    assert summary["total_calls"] == len(counted)
    assert summary["voice_duration_ms"] == sum(1_000 * number + 500 for number in counted)
    assert (summary["workflow_runs_total"], summary["total_agents"]) == (CALLS, CALLS)


def test_full_queue_is_503_and_retries_lose_nothing(server: Server, org: OrganizationClient) -> None:
    workloads = [
        in_batches([conversation(f"call-{sender}-{number}") for number in range(4 * 90)], 90)
        for sender in range(SENDERS)
    ]
    sent = send_concurrently(server, org.key, workloads)
    assert sum(result.refusals for result in sent) > 0
    assert total_bins(sent) == (SENDERS * 4 * 90, 0, 0, 0, 0)
    assert org.calls() == SENDERS * 4 * 90


def test_organization_that_floods_the_queue_does_not_block_others(server: Server, org: OrganizationClient) -> None:
    with new_organization(server) as modest:
        flood = [in_batches([conversation(f"call-{n}-{i}") for i in range(400)], MAX_WAITING_OF_ONE) for n in range(8)]
        start = threading.Barrier(len(flood) + 1, timeout=60)
        with ThreadPoolExecutor(len(flood) + 1) as senders:
            flooding = [senders.submit(send_with_retries, server, org.key, batches, start) for batches in flood]
            batches = in_batches([conversation(f"call-{number}") for number in range(200)], 10)
            modest_result = senders.submit(send_with_retries, server, modest.key, batches, start)
        assert modest_result.result().refusals == 0
        assert sum(future.result().refusals for future in flooding) > 0
        assert (modest.calls(), org.calls()) == (200, 8 * 400)


def test_request_larger_than_the_empty_queue_is_accepted(org: OrganizationClient) -> None:
    calls = [conversation(f"call-{number}") for number in range(10 * MAX_WAITING)]
    start = threading.Barrier(1)
    assert total_bins([send_with_retries(org.server, org.key, [calls], start)]) == (len(calls), 0, 0, 0, 0)
    assert org.calls() == len(calls)


def test_reader_never_sees_a_partial_batch(server: Server, org: OrganizationClient) -> None:
    """Each batch has equal inbound and outbound calls, so every summary must have them too."""
    batches = [
        [conversation(f"call-{n}-{way}", direction=way, duration=n) for way in ("inbound", "outbound")]
        for n in range(100)
    ]
    start = threading.Barrier(1)
    seen = set()
    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(send_with_retries, server, org.key, batches, start)
        while not sending.done():
            summary = org.summary()
            assert summary["inbound_calls"] == summary["outbound_calls"]
            assert summary["total_calls"] == summary["daily"][0]["calls"]
            assert summary["voice_duration_ms"] == summary["daily"][0]["voice_duration_ms"]
            seen.add(summary["total_calls"])
    assert total_bins([sending.result()]) == (200, 0, 0, 0, 0)
    assert len(seen) > 1
    assert not any(total % 2 for total in seen)


def read_until(done: threading.Event, org: OrganizationClient) -> int:
    """Read summaries until the event is set, and return their number."""
    answers = 0
    while not done.is_set():
        org.summary()
        answers += 1
    return answers


def test_events_are_written_during_constant_queries(server: Server) -> None:
    done = threading.Event()
    with new_organization(server) as one, new_organization(server) as two, ThreadPoolExecutor(8) as readers:
        reading = [readers.submit(read_until, done, org) for org in (one, two) * 4]
        try:
            receipt = one.send(*(conversation(f"call-{number}") for number in range(2_000)))
        finally:
            done.set()
        answers = sum(each.result() for each in reading)
        assert (counts_of(receipt)[0], one.calls(), two.calls()) == (2_000, 2_000, 0)
    assert answers > 0
