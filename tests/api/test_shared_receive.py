"""Several tasks that receive from one connection, as a query and its download do."""

import asyncio
from collections import deque

from litestar.types import HTTPReceiveMessage, Receive, Scope, Send

from talkmeter.api.middleware import add_middleware
from tests.event_loop import run_coroutine


def scope() -> Scope:
    """Return the scope of a GET request."""
    return {"type": "http", "method": "GET", "path": "/", "headers": []}  # type: ignore[return-value]


def test_a_task_that_stops_receiving_takes_no_message_from_the_next_one() -> None:
    received: list[str] = []
    messages: deque[HTTPReceiveMessage] = deque(
        [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    )

    async def server_receive() -> HTTPReceiveMessage:
        """Lose a message if the task is cancelled, as the server does."""
        message = messages.popleft()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return message

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        listener = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        listener.cancel()
        received.extend([(await receive())["type"], (await receive())["type"]])

    async def send(_message: object) -> None:
        """Send nothing."""

    async def call() -> None:
        await add_middleware(app)(scope(), server_receive, send)

    run_coroutine(call())
    assert received == ["http.request", "http.disconnect"]
