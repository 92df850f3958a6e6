"""Drive `examples/integrations/livekit_calls.py`: real jobs, in threads or a process, with real sessions and rooms.

Only the media server is missing: the room receives the events that LiveKit's native library would pass on.
"""

import asyncio
import multiprocessing
import sys
from collections.abc import Awaitable, Callable

import livekit_calls
from calls import CALL_SEC, Stopwatch, made, wait_to_be_killed
from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    APIConnectionError,
    APIConnectOptions,
    JobContext,
    JobProcess,
    llm,
)
from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.ipc.job_thread_executor import ThreadJobExecutor
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.protocol import agent as agent_protocol
from livekit.protocol import models
from livekit.rtc._proto import room_pb2

LATER_SEC = 0.3
"""How long a job does something after its call."""


class BrokenModel(llm.LLM):
    """A language model that is down."""

    def chat(self, *, chat_ctx: llm.ChatContext, **_: object) -> llm.LLMStream:
        options = APIConnectOptions(max_retry=0)
        return BrokenStream(self, chat_ctx=chat_ctx, tools=[], conn_options=options)


class BrokenStream(llm.LLMStream):
    async def _run(self) -> None:
        raise APIConnectionError("The model is down.", retryable=False)


class Call:
    """The call of a job: its room, its session and its caller, metered from now on."""

    def __init__(self, ctx: JobContext) -> None:
        self.ctx = ctx
        self.session = AgentSession(llm=BrokenModel(), conn_options=SessionConnectOptions(max_unrecoverable_errors=0))

    async def start(self) -> None:
        self.join("recorder", rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS)
        caller = self.join("caller", rtc.ParticipantKind.PARTICIPANT_KIND_SIP)
        self.stopwatch = Stopwatch()
        await livekit_calls.meter_call(self.ctx, self.session, caller)
        await self.session.start(Agent(instructions="Be brief."))
        await asyncio.sleep(CALL_SEC)

    def join(self, identity: str, kind: rtc.ParticipantKind.ValueType) -> rtc.RemoteParticipant:
        event = room_pb2.RoomEvent()
        event.participant_connected.info.info.identity = identity
        event.participant_connected.info.info.kind = kind
        self.ctx.room._on_room_event(event)
        return self.ctx.room.remote_participants[identity]

    def leave(self, identity: str) -> None:
        event = room_pb2.RoomEvent()
        event.participant_disconnected.participant_identity = identity
        self.ctx.room._on_room_event(event)

    def made(self, status: str) -> None:
        """Report that the call ends now with this status."""
        self.stopwatch.stop()
        made(f"livekit:{self.ctx.job.room.sid}", status, self.stopwatch.seconds)


async def started(ctx: JobContext) -> Call:
    call = Call(ctx)
    await call.start()
    return call


async def normal(ctx: JobContext) -> None:
    """The agent ends the call; the caller leaves later."""
    call = await started(ctx)
    call.made("completed")
    await call.session.aclose()
    await asyncio.sleep(LATER_SEC)
    call.leave("caller")
    ctx.shutdown("the agent said goodbye")


async def hang_up(ctx: JobContext) -> None:
    call = await started(ctx)
    call.leave("recorder")
    await asyncio.sleep(CALL_SEC)
    call.made("completed")
    call.leave("caller")
    await asyncio.sleep(LATER_SEC)
    ctx.shutdown("the caller left")


async def exception(ctx: JobContext) -> None:
    call = await started(ctx)
    call.made("failed")
    raise ConnectionError("The database is down.")


async def exception_after_hang_up(ctx: JobContext) -> None:
    call = await started(ctx)
    call.made("completed")
    call.leave("caller")
    await asyncio.sleep(LATER_SEC)
    raise ConnectionError("The database is down.")


async def model_error(ctx: JobContext) -> None:
    call = await started(ctx)
    closed = asyncio.Event()
    call.session.once("close", lambda _: closed.set())
    call.session.generate_reply()
    await closed.wait()
    call.made("failed")
    ctx.shutdown()


async def cancel(ctx: JobContext) -> None:
    """The worker shuts down during the call."""
    call = await started(ctx)
    call.made("completed")
    stop_worker.set()


async def console(ctx: JobContext) -> None:
    """In console mode nothing is metered."""
    call = Call(ctx)
    caller = next(iter(ctx.room.remote_participants.values()))
    await livekit_calls.meter_call(ctx, call.session, caller)
    assert not ctx._shutdown_callbacks
    ctx.shutdown()


async def process(ctx: JobContext) -> None:
    """Run the job in a process, as a worker does."""
    await hang_up(ctx)


async def kill(ctx: JobContext) -> None:
    call = await started(ctx)
    made(f"livekit:{call.ctx.job.room.sid}", "in_progress")
    wait_to_be_killed()


class StopWorker:
    """Set in the thread of a job, awaited in that of the worker."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.event = asyncio.Event()

    def set(self) -> None:
        self.loop.call_soon_threadsafe(self.event.set)


stop_worker = StopWorker()


async def session_ended(_: JobContext) -> None:
    """Do something slow between the end of a session and the shutdown callbacks."""
    await asyncio.sleep(LATER_SEC)


def set_up(_: JobProcess) -> None:
    """Prepare nothing."""


async def run_job(name: str, entrypoint: Callable[[JobContext], Awaitable[None]]) -> None:
    """Run a job to its end."""
    options = {
        "initialize_process_fnc": set_up,
        "job_entrypoint_fnc": entrypoint,
        "session_end_fnc": session_ended,
        "simulation_end_fnc": None,
        "inference_executor": None,
        "initialize_timeout": 60,
        "close_timeout": 60,
        "session_end_timeout": 60,
        "ping_interval": 5,
        "high_ping_threshold": 5,
        "http_proxy": None,
        "loop": asyncio.get_running_loop(),
    }
    if name == "process":
        memory = {"memory_warn_mb": 0, "memory_limit_mb": 0, "ping_timeout": 60}
        executor = ProcJobExecutor(**options, **memory, mp_ctx=multiprocessing.get_context("spawn"))
    else:
        executor = ThreadJobExecutor(**options)
    await executor.start()
    await executor.initialize()
    room = models.Room(name="front-desk", sid=f"RM_{name}")
    await executor.launch_job(
        RunningJobInfo(
            accept_arguments=JobAcceptArguments(name="", identity="agent", metadata=""),
            job=agent_protocol.Job(id=f"AJ_{name}", room=room, agent_name="front-desk"),
            url="",
            token="",
            worker_id="worker",
            fake_job=name == "console",
        )
    )
    if name == "cancel":
        await stop_worker.event.wait()
        await executor.aclose()
    await executor.join()


ENDINGS = {
    "normal": normal,
    "hang_up": hang_up,
    "exception": exception,
    "exception_after_hang_up": exception_after_hang_up,
    "model_error": model_error,
    "cancel": cancel,
    "console": console,
    "process": process,
    "kill": kill,
}


async def main() -> None:
    stop_worker.loop = asyncio.get_running_loop()
    for name in ["normal", "kill"] if sys.argv[1:] == ["kill"] else sys.argv[1:]:
        await run_job(name, ENDINGS[name])


if __name__ == "__main__":
    asyncio.run(main())
