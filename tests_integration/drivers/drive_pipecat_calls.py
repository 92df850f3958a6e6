"""Drive `examples/integrations/pipecat_calls.py`: a real pipeline, websocket transport and client."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pipecat_calls
from calls import CALL_SEC, Stopwatch, made, run_endings, wait_to_be_killed
from loguru import logger
from pipecat.frames.frames import EndFrame, Frame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker, ProcessorUnusablePolicy
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.websocket.server import SingleClientWebsocketServerParams, SingleClientWebsocketServerTransport
from pipecat.workers.runner import WorkerRunner
from websockets.asyncio.client import ClientConnection, connect

logger.disable("pipecat")


class Bot(FrameProcessor):
    """The part of a pipeline that would be STT, LLM and TTS."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Call:
    """A call of a real client, from its connection to the end of the pipeline."""

    def __init__(self, call_id: str, policy: ProcessorUnusablePolicy = ProcessorUnusablePolicy.CONTINUE) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        parameters = SingleClientWebsocketServerParams()
        self.transport = SingleClientWebsocketServerTransport(parameters, "127.0.0.1", self.port)
        self.bot = Bot()
        pipeline = Pipeline([self.transport.input(), self.bot, self.transport.output()])
        self.worker = PipelineWorker(pipeline, processor_unusable_policy=policy)
        pipecat_calls.meter_call(self.worker, self.transport, call_id)
        self.ready, self.connected = asyncio.Event(), asyncio.Event()
        self.stopwatch = Stopwatch()
        self.transport.add_event_handler("on_websocket_ready", self._on_ready)
        self.transport.add_event_handler("on_client_connected", self._on_connected)

    async def start(self) -> ClientConnection:
        """Run the pipeline in a task, and connect a client."""
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        self.task = asyncio.create_task(runner.run())
        await self.ready.wait()
        await asyncio.sleep(CALL_SEC)  # before the caller is there
        client = await connect(f"ws://127.0.0.1:{self.port}")
        await self.connected.wait()
        return client

    async def _on_ready(self, _: object) -> None:
        self.ready.set()

    async def _on_connected(self, _: object, __: object) -> None:
        self.stopwatch = Stopwatch()
        self.connected.set()


async def ended(call: Call, name: str, status: str, end: Callable[[ClientConnection], Awaitable[object]]) -> None:
    """Make a call, end it, and report it."""
    client = await call.start()
    await asyncio.sleep(CALL_SEC)
    call.stopwatch.stop()
    await end(client)
    await call.task
    made(name, status, call.stopwatch.seconds)
    await client.close()


async def normal() -> None:
    call = Call("normal")
    await ended(call, "normal", "completed", lambda _: call.worker.queue_frame(EndFrame()))


async def hang_up() -> None:
    call = Call("hang-up")

    async def hang_up(client: ClientConnection) -> None:
        await client.close()
        await asyncio.sleep(CALL_SEC)  # the bot does something after the call
        await call.worker.cancel()

    await ended(call, "hang-up", "completed", hang_up)


async def cancel() -> None:
    call = Call("cancel")
    await ended(call, "cancel", "completed", lambda _: call.worker.cancel())


async def task_cancel() -> None:
    call = Call("task-cancel")

    async def cancel(_: ClientConnection) -> None:
        call.task.cancel()

    await ended(call, "task-cancel", "completed", cancel)


async def error_cancels() -> None:
    call = Call("error-cancels", ProcessorUnusablePolicy.CANCEL)
    await ended(call, "error-cancels", "failed", lambda _: break_bot(call))


async def error_ends() -> None:
    call = Call("error-ends", ProcessorUnusablePolicy.END)
    await ended(call, "error-ends", "failed", lambda _: break_bot(call))


async def break_bot(call: Call) -> None:
    """Let the language model be gone for good."""
    await call.bot.push_error("The model is down.", force_treat_as_permanent=True)


async def transient_error() -> None:
    call = Call("transient-error", ProcessorUnusablePolicy.CANCEL)

    async def stumble(_: ClientConnection) -> None:
        await call.bot.push_error("The model answered late.")
        await call.worker.queue_frame(EndFrame())

    await ended(call, "transient-error", "completed", stumble)


async def kill() -> None:
    await normal()
    await Call("kill").start()
    await asyncio.sleep(CALL_SEC)
    made("kill", "in_progress")
    wait_to_be_killed()


ENDINGS = {
    "normal": normal,
    "hang_up": hang_up,
    "cancel": cancel,
    "task_cancel": task_cancel,
    "error_cancels": error_cancels,
    "error_ends": error_ends,
    "transient_error": transient_error,
    "kill": kill,
}
if __name__ == "__main__":
    run_endings(ENDINGS, pipecat_calls.client.close)
