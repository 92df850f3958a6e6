"""A call may stop before its status is known."""

from datetime import timedelta
from pathlib import Path

from tests.client.clients import NOON, Factory
from tests.client.test_counted_once import summary
from tests.event_loop import run_coroutine
from tests.servers import Server

MINUTE = timedelta(minutes=1)
FIGURES = ("total_calls", "timed_calls", "voice_duration_ms")


def figures(server: Server, key: str) -> tuple[object, ...]:
    """Return the calls, those with a duration, and their duration."""
    answer = summary(server, key)
    return tuple(answer[name] for name in FIGURES)


def test_stopped_call_ends_when_it_was_stopped_first(ample_server: Server, spool: Path) -> None:
    key = ample_server.key("stopped")
    with Factory(ample_server.url, spool, key=key).synchronous() as client:
        call = client.conversation("call-1", channel="telephone", direction="inbound", created_at=NOON)
        call.start()
        call.stop(NOON + MINUTE)
        call.stop(NOON + 2 * MINUTE)
        call.end("failed")

    assert figures(ample_server, key) == (1, 1, 60_000)


def test_stopped_call_of_an_async_client_ends_when_it_was_stopped(ample_server: Server, spool: Path) -> None:
    key = ample_server.key("stopped-async")

    async def send() -> None:
        async with Factory(ample_server.url, spool, key=key).asynchronous() as client:
            call = client.conversation("call-1", channel="telephone", direction="inbound", created_at=NOON)
            await call.start()
            call.stop(NOON + MINUTE)
            await call.end("failed")

    run_coroutine(send())

    assert figures(ample_server, key) == (1, 1, 60_000)


def test_time_of_the_end_wins_over_that_of_stop(ample_server: Server, spool: Path) -> None:
    key = ample_server.key("stopped-ended")
    with Factory(ample_server.url, spool, key=key).synchronous() as client:
        call = client.conversation("call-1", channel="telephone", direction="inbound", created_at=NOON)
        call.start()
        call.stop(NOON + MINUTE)
        call.end(at=NOON + 2 * MINUTE)

    assert figures(ample_server, key) == (1, 1, 120_000)
