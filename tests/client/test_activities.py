"""Conversations and runs as context managers: start and end are sent once, and metering never ends a call."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from talkmeter_client import Activity, AsyncClient, BadEvent, Client, SpoolUnusable, WrongUse
from tests.client.clients import KEY, NOON, QUICK
from tests.client.scripted import ScriptedServer, receipt, scripted
from tests.event_loop import run_coroutine
from tests.events import Json

UNREACHABLE = "http://127.0.0.1:1"


class Hangup(Exception):
    """An exception of the caller's code."""


def data_of(server: ScriptedServer) -> list[Json]:
    """Return the data of all events that a server received."""
    events = [event["data"] for request in server.requests for event in request.events]
    return [data for data in events if isinstance(data, dict)]


def statuses(kind: str, spool: Path, activity: str, error: type[BaseException] | None = None) -> list[Json]:
    """Meter one call or run whose block ends with an exception or not; return the data of the events sent."""

    async def run() -> None:
        async with AsyncClient(server.url, KEY, spool=spool, limits=QUICK) as client:
            metered = (
                client.conversation("call-1", channel="telephone", direction="inbound")
                if activity == "call"
                else client.workflow_execution("run-1", workflow_id="support")
            )
            async with metered:
                if error is not None:
                    raise error

    def run_blocking() -> None:
        with Client(server.url, KEY, spool=spool, limits=QUICK) as client:
            metered = (
                client.conversation("call-1", channel="telephone", direction="inbound")
                if activity == "call"
                else client.workflow_execution("run-1", workflow_id="support")
            )
            with metered:
                if error is not None:
                    raise error

    with scripted(receipt) as server:
        with pytest.raises(error) if error is not None else nullcontext():
            run_blocking() if kind == "Client" else run_coroutine(run())
        return data_of(server)


@pytest.mark.parametrize(
    ("activity", "error", "expected"),
    [
        ("call", None, ["in_progress", "completed"]),
        ("call", Hangup, ["in_progress", "failed"]),
        ("call", asyncio.CancelledError, ["in_progress", "completed"]),
        ("run", None, ["running", "success"]),
        ("run", Hangup, ["running", "failed"]),
        ("run", asyncio.CancelledError, ["running", "cancelled"]),
    ],
)
def test_status_follows_from_how_the_block_ends(
    kind: str, spool: Path, activity: str, error: type[BaseException] | None, expected: list[str]
) -> None:
    sent = statuses(kind, spool, activity, error)

    assert [data["status"] for data in sent] == expected
    assert len({(data["id"], data["created_at"]) for data in sent}) == 1
    assert ("duration" in sent[1]) == (activity == "call")


def test_first_end_wins_and_an_end_without_a_start_sends_nothing(spool: Path) -> None:
    with scripted(receipt) as server, Client(server.url, KEY, spool=spool, limits=QUICK) as client:
        never = client.conversation("never", channel="telephone", direction="inbound")
        never.end()
        with client.conversation("call-1", channel="telephone", direction="outbound", created_at=NOON) as call:
            call.end(status="transferred", at=NOON + timedelta(seconds=90))
            call.end(status="failed")
            call.start()
        assert client.flush(60)
    first, last = data_of(server)

    assert (first["status"], last["status"], last["duration"]) == ("in_progress", "transferred", 90.0)


@pytest.mark.parametrize(("status", "duration"), [("unanswered", None), ("cancelled", None), ("failed", 90.0)])
def test_unanswered_call_has_no_duration(spool: Path, status: str, duration: float | None) -> None:
    with scripted(receipt) as server, Client(server.url, KEY, spool=spool, limits=QUICK) as client:
        call = client.conversation(
            "call-1", channel="telephone", direction="outbound", status="ringing", created_at=NOON
        )
        call.start()
        call.end(status=status, at=NOON + timedelta(seconds=90))
        assert client.flush(60)
    first, last = data_of(server)

    assert (first["status"], last["status"], last.get("duration")) == ("ringing", status, duration)


def test_end_before_the_start_of_the_call_is_a_duration_of_zero(spool: Path) -> None:
    with scripted(receipt) as server, Client(server.url, KEY, spool=spool, limits=QUICK) as client:
        call = client.conversation("call-1", channel="telephone", direction="inbound", created_at=NOON)
        call.start()
        call.end(at=NOON - timedelta(seconds=1))
        assert client.flush(60)
    assert data_of(server)[1]["duration"] == 0.0


def test_duration_is_measured_although_the_system_clock_is_set(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(receipt) as server, Client(server.url, KEY, spool=spool, limits=QUICK) as client:
        call = client.conversation("call-1", channel="telephone", direction="inbound")
        call.start()
        monkeypatch.setattr("talkmeter_client.lifecycle.now", lambda: datetime(2001, 1, 1, tzinfo=UTC))
        call.end()
        assert client.flush(60)
    duration = data_of(server)[1]["duration"]
    assert isinstance(duration, float)
    assert 0 <= duration < 60


def test_end_in_a_callback_has_the_time_of_the_callback_and_close_waits_for_it(spool: Path) -> None:
    ended: list[datetime] = []

    async def run() -> None:
        client = AsyncClient(server.url, KEY, spool=spool, limits=QUICK)
        call = client.conversation("call-1", channel="webrtc", direction="inbound", modality="voice")
        await call.start()
        ended.append(datetime.now(UTC))
        _ = call.end()
        time.sleep(0.3)  # noqa: ASYNC251  the loop is busy, so the task that sends starts late
        await client.close()

    with scripted(receipt) as server:
        run_coroutine(run())
        last = [event for request in server.requests for event in request.events][-1]
    assert abs(datetime.fromisoformat(str(last["time"])) - ended[0]) < timedelta(milliseconds=100)


def test_cancelled_task_stores_the_end_before_it_is_cancelled(spool: Path) -> None:
    async def meter(client: AsyncClient, started: asyncio.Event) -> None:
        async with client.conversation("call-1", channel="webrtc", direction="inbound"):
            started.set()
            await asyncio.Event().wait()

    async def run() -> None:
        async with AsyncClient(server.url, KEY, spool=spool, limits=QUICK) as client:
            started = asyncio.Event()
            task = asyncio.create_task(meter(client, started))
            await started.wait()
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    with scripted(receipt) as server:
        run_coroutine(run())
        assert [data["status"] for data in data_of(server)] == ["in_progress", "completed"]


def test_end_of_the_event_loop_leaves_the_end_of_the_call_in_the_spool(spool: Path) -> None:
    async def meter(client: AsyncClient, started: asyncio.Event) -> None:
        async with client.conversation("call-1", channel="webrtc", direction="inbound"):
            started.set()
            await asyncio.Event().wait()

    tasks: list[asyncio.Task[None]] = []

    async def run() -> None:
        client = await AsyncClient(UNREACHABLE, KEY, spool=spool, limits=QUICK).open()
        started = asyncio.Event()
        tasks.append(asyncio.create_task(meter(client, started)))
        await started.wait()

    run_coroutine(run())
    with scripted(receipt) as server, Client(server.url, KEY, spool=spool, limits=QUICK) as client:
        assert client.flush(60)
    assert [data["status"] for data in data_of(server)] == ["in_progress", "completed"]


def broken_sync(spool: Path) -> Activity:
    """Return a call whose client is closed."""
    client = Client(UNREACHABLE, KEY, spool=spool, limits=QUICK)
    client.close(0)
    return client.conversation("call-1", channel="telephone", direction="inbound")


def test_call_goes_on_if_its_client_is_closed(spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    with broken_sync(spool):
        went_on = True

    assert went_on
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]
    assert "A call or run is not metered. The client is closed" in caplog.text


def not_metered() -> list[tuple[str, Callable[[AsyncClient], Awaitable[None]]]]:
    """Return ways in which metering fails."""

    async def wrong_channel(client: AsyncClient) -> None:
        async with client.conversation("call-1", channel="fax", direction="inbound"):  # type: ignore[arg-type]
            pass

    async def wrong_end(client: AsyncClient) -> None:
        async with client.conversation("call-1", channel="email", direction="inbound") as call:
            await call.end(status="in_progress")

    return [("channel must be one of telephone, webrtc", wrong_channel), ("It can end as completed, failed", wrong_end)]


@pytest.mark.parametrize(("sentence", "block"), not_metered())
def test_invalid_values_are_logged_and_do_not_end_the_call(
    spool: Path, sentence: str, block: Callable[[AsyncClient], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with AsyncClient(UNREACHABLE, KEY, spool=spool, limits=QUICK) as client:
            await block(client)
            await client.close(0)

    run_coroutine(run())
    assert sentence in caplog.text


def test_unusable_spool_does_not_end_the_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> str:
        client = AsyncClient(UNREACHABLE, KEY, spool=tmp_path / "nowhere" / "calls.spool", limits=QUICK)
        async with client.conversation("call-1", channel="webrtc", direction="inbound"):
            answer = "said hello"
        await client.close()
        return answer

    assert run_coroutine(run()) == "said hello"
    assert "No such file or directory" in caplog.text


def test_strict_call_raises(tmp_path: Path) -> None:
    async def run() -> None:
        client = AsyncClient(UNREACHABLE, KEY, spool=tmp_path / "nowhere" / "calls.spool", limits=QUICK)
        with pytest.raises(SpoolUnusable):
            await client.conversation("call-1", channel="webrtc", direction="inbound", strict=True).start()

    run_coroutine(run())
    client = Client(UNREACHABLE, KEY, spool=tmp_path / "calls.spool", limits=QUICK)
    with pytest.raises(BadEvent, match="direction must be one of inbound, outbound, not 'sideways'"):
        client.conversation("call-1", channel="webrtc", direction="sideways", strict=True).start()  # type: ignore[arg-type]
    client.close(0)
    with pytest.raises(WrongUse, match="closed"):
        client.workflow_execution("run-1", strict=True).start()
