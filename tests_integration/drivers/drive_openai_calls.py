"""Drive `examples/integrations/openai_calls.py`: a real session, and the SDK's scripted realtime model."""

import asyncio

import openai_calls
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession, RealtimeSessionEvent
from agents.realtime.model_events import (
    RealtimeModelConnectionStatusEvent,
    RealtimeModelEndOfStreamEvent,
    RealtimeModelExceptionEvent,
)
from agents.realtime.testing import ScriptedRealtimeModel
from calls import CALL_SEC, Stopwatch, made, raises, run_endings, wait_to_be_killed


class Talk:
    """One session in a task, once it is connected."""

    def __init__(self, call_id: str, session: RealtimeSession, model: ScriptedRealtimeModel) -> None:
        self.call_id, self.session, self.model = call_id, session, model
        self.connected = asyncio.Event()
        self.stopwatch = Stopwatch()
        self.task = asyncio.create_task(openai_calls.answer(session, call_id, self.handle))

    async def handle(self, _: RealtimeSessionEvent) -> None:
        self.connected.set()


async def talk(call_id: str) -> Talk:
    """Start a call and return it after some time."""
    model = ScriptedRealtimeModel(connect_events=[RealtimeModelConnectionStatusEvent("connected")])
    session = await RealtimeRunner(RealtimeAgent(name="front-desk"), model=model).run()
    started = Talk(call_id, session, model)
    await started.connected.wait()
    await asyncio.sleep(CALL_SEC)
    return started


async def normal() -> None:
    call = await talk("normal")
    call.stopwatch.stop()
    await call.model.emit(RealtimeModelEndOfStreamEvent())
    await call.task
    made("normal", "completed", call.stopwatch.seconds)


async def hang_up() -> None:
    call = await talk("hang-up")
    call.stopwatch.stop()
    await call.session.close()
    await call.task
    made("hang-up", "completed", call.stopwatch.seconds)


async def cancel() -> None:
    call = await talk("cancel")
    call.stopwatch.stop()
    call.task.cancel()
    with raises(asyncio.CancelledError):
        await call.task
    made("cancel", "completed", call.stopwatch.seconds)


async def exception() -> None:
    call = await talk("exception")
    call.stopwatch.stop()
    await call.model.emit(RealtimeModelExceptionEvent(ConnectionError("The model is down.")))
    with raises(ConnectionError):
        await call.task
    made("exception", "failed", call.stopwatch.seconds)


async def kill() -> None:
    await normal()
    await talk("kill")
    made("kill", "in_progress")
    wait_to_be_killed()


ENDINGS = {
    "normal": normal,
    "hang_up": hang_up,
    "cancel": cancel,
    "exception": exception,
    "kill": kill,
}
if __name__ == "__main__":
    run_endings(ENDINGS, openai_calls.client.close)
