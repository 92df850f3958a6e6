"""Pipecat: each client of a transport is a call, until it hangs up or the pipeline finishes."""

import os

from pipecat.frames.frames import ErrorFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.transports.base_transport import BaseTransport

from talkmeter_client import AsyncClient

client = AsyncClient(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool")


def meter_call(worker: PipelineWorker, transport: BaseTransport, call_id: str) -> None:
    call = client.conversation(call_id, channel="webrtc", direction="inbound", modality="voice")
    errors: list[ErrorFrame] = []

    async def connected(_transport: BaseTransport, _client: object) -> None:
        await call.start()

    async def error(_worker: PipelineWorker, frame: ErrorFrame) -> None:
        if frame.fatal or (frame.processor and not frame.processor.is_usable):
            errors.append(frame)

    async def ended(_source: object, _client_or_frame: object) -> None:
        call.end("failed" if errors else "completed")

    transport.add_event_handler("on_client_connected", connected)
    transport.add_event_handler("on_client_disconnected", ended)
    worker.add_event_handler("on_pipeline_error", error)
    worker.add_event_handler("on_pipeline_finished", ended)
