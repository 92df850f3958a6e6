"""A conversation or workflow run in progress: a context manager that sends its start and its end, whatever ends it.

An error while sending is logged, because metering must never end a call; with `strict` it is raised.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar, cast, get_args

from talkmeter_client.errors import ClientError
from talkmeter_client.events import SOURCE, Event, conversation, workflow_execution
from talkmeter_client.lifecycle import Endings, Lifecycle
from talkmeter_client.vocabulary import (
    Channel,
    ConversationStatus,
    Direction,
    EndRunStatus,
    EndStatus,
    LiveRunStatus,
    LiveStatus,
    Modality,
    RunStatus,
)

A = TypeVar("A")
_NOT_CONNECTED: Final = ("cancelled", "unanswered")
_log: Final = logging.getLogger("talkmeter_client")


class StartsActivities(ABC, Generic[A]):
    """Creates activities, for both clients."""

    @abstractmethod
    def _activity(self, lifecycle: Lifecycle, *, strict: bool) -> A:
        """Return an activity that this client sends."""

    def conversation(  # noqa: PLR0913  these are the fields of a conversation
        self,
        id: str,
        *,
        channel: Channel,
        direction: Direction,
        status: LiveStatus = "in_progress",
        created_at: datetime | None = None,
        agent_id: str | None = None,
        agent_number: str | None = None,
        web_widget_id: str | None = None,
        modality: Modality | None = None,
        organization_id: str | None = None,
        source: str = SOURCE,
        strict: bool = False,
    ) -> A:
        """Meter a conversation. `status` is its status until it ends; `created_at` is now by default.

        It ends as `completed`, or as `failed` after an exception. If its task is cancelled, it is `completed` too,
        but `cancelled` if it was not `in_progress` yet.
        """

        def build(*, status: str, created_at: datetime, time: datetime, duration: timedelta | None) -> Event:
            return conversation(
                id,
                channel=channel,
                direction=direction,
                status=cast("ConversationStatus", status),
                created_at=created_at,
                duration=None if status in _NOT_CONNECTED else duration,
                agent_id=agent_id,
                agent_number=agent_number,
                web_widget_id=web_widget_id,
                modality=modality,
                organization_id=organization_id,
                time=time,
                source=source,
            )

        cancelled = "completed" if status == "in_progress" else "cancelled"
        endings = Endings(status, "completed", "failed", cancelled, get_args(EndStatus))
        return self._activity(Lifecycle(build, endings, created_at), strict=strict)

    def workflow_execution(
        self,
        id: str,
        *,
        workflow_id: str | None = None,
        status: LiveRunStatus = "running",
        created_at: datetime | None = None,
        organization_id: str | None = None,
        source: str = SOURCE,
        strict: bool = False,
    ) -> A:
        """Meter a workflow run. `status` is its status until it ends; `created_at` is now by default.

        It ends as `success`, as `failed` after an exception, or as `cancelled` if its task is cancelled.
        """

        def build(*, status: str, created_at: datetime, time: datetime, duration: timedelta | None) -> Event:
            del duration  # a run has none
            return workflow_execution(
                id,
                status=cast("RunStatus", status),
                created_at=created_at,
                workflow_id=workflow_id,
                organization_id=organization_id,
                time=time,
                source=source,
            )

        endings = Endings(status, "success", "failed", "cancelled", get_args(EndRunStatus))
        return self._activity(Lifecycle(build, endings, created_at), strict=strict)


class Activity:
    """One conversation or run, metered by a `Client`: a context manager, or `start` and `end`."""

    def __init__(self, lifecycle: Lifecycle, send: Callable[[Event], None], *, strict: bool) -> None:
        self._lifecycle = lifecycle
        self._send = send
        self._strict = strict

    def start(self) -> None:
        """Send the live status, if that was not done before."""
        with _logged(strict=self._strict):
            event = self._lifecycle.start()
            if event is not None:
                self._send(event)

    def resume(self) -> None:
        """Continue what another process has started: send nothing until `end`. Pass `created_at` as there."""
        with _logged(strict=self._strict):
            self._lifecycle.start()

    def stop(self, at: datetime | None = None) -> None:
        """Remember that it ended now, or at `at`, before its status is known. The later `end` sends both."""
        self._lifecycle.stop(at)

    def end(self, status: str | None = None, at: datetime | None = None) -> None:
        """Send the final status: by default that of success, now. Does nothing before `start` or after the first end.

        `at` is when it ended, with an offset; by default the time of `stop`, or now.
        """
        with _logged(strict=self._strict):
            event = self._lifecycle.end(status, at)
            if event is not None:
                self._send(event)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End, with the status that follows from the exception."""
        self.end(self._lifecycle.status_after(error))


class SendsInTasks(Protocol):
    """The part of `AsyncClient` that an activity needs."""

    async def send_opened(self, event: Event) -> None:
        """Open the client if it is not open yet, and store the event in the spool."""

    def start_task(self, sending: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """Run a coroutine in a task that `close` waits for."""


class AsyncActivity:
    """One conversation or run, metered by an `AsyncClient`: an async context manager, or `start` and `end`.

    It opens the client if it is not open yet.
    """

    def __init__(self, lifecycle: Lifecycle, client: SendsInTasks, *, strict: bool) -> None:
        self._lifecycle = lifecycle
        self._client = client
        self._strict = strict

    async def start(self) -> None:
        """Send the live status, if that was not done before."""
        with _logged(strict=self._strict):
            await self._send(self._lifecycle.start())

    def resume(self) -> None:
        """Continue what another process has started: send nothing until `end`. Pass `created_at` as there."""
        with _logged(strict=self._strict):
            self._lifecycle.start()

    def stop(self, at: datetime | None = None) -> None:
        """Remember that it ended now, or at `at`, before its status is known. The later `end` sends both."""
        self._lifecycle.stop(at)

    def end(self, status: str | None = None, at: datetime | None = None) -> "asyncio.Task[None]":
        """Send the final status: by default that of success, now. Does nothing before `start` or after the first end.

        `at` is when it ended, with an offset; by default the time of `stop`, or now. The event is built at once, and a
        task stores it in the spool. Await the result to wait for that; a callback need not, because `close` of the
        client does.
        """
        event: Event | None = None
        with _logged(strict=self._strict):
            event = self._lifecycle.end(status, at)
        return self._client.start_task(self._send(event))

    async def _send(self, event: Event | None) -> None:
        with _logged(strict=self._strict):
            if event is not None:
                await self._client.send_opened(event)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End, with the status that follows from the exception; a cancelled task first stores the event."""
        await _shielded(self.end(self._lifecycle.status_after(error)))


async def _shielded(task: "asyncio.Task[None]") -> None:
    """Wait for a task to its end, also if the caller is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


@contextmanager
def _logged(*, strict: bool) -> Iterator[None]:
    """Log errors of the block; raise them too if `strict` is set."""
    try:
        yield
    except ClientError as error:
        _log.error("A call or run is not metered. %s", error.detail)
        if strict:
            raise
    except Exception:
        _log.exception("A call or run is not metered.")
        if strict:
            raise
