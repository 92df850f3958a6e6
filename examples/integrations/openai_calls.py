"""OpenAI Agents SDK, realtime: each session is a call, until the caller or the model ends it."""

import os
from collections.abc import Awaitable, Callable

from agents.realtime import RealtimeSession, RealtimeSessionEvent

from talkmeter_client import AsyncClient

client = AsyncClient(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool")


async def answer(
    session: RealtimeSession, call_id: str, handle: Callable[[RealtimeSessionEvent], Awaitable[None]]
) -> None:
    call = client.conversation(call_id, channel="webrtc", direction="inbound", modality="voice")
    async with call, session:
        async for event in session:
            await handle(event)
        call.end()  # closing the session is not part of the call
