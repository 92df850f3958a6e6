"""LiveKit Agents: a job's call, from when its caller is there until the caller leaves or the session closes.

In the entrypoint, call `meter_call` after `caller = await ctx.wait_for_participant()` and before `session.start`.
"""

import os

from livekit.agents import AgentSession, JobContext
from livekit.rtc import ParticipantKind, RemoteParticipant

from talkmeter_client import AsyncClient
from talkmeter_client.vocabulary import Channel


async def meter_call(ctx: JobContext, session: AgentSession, caller: RemoteParticipant) -> None:
    if ctx.is_fake_job():  # console mode
        return
    client = AsyncClient(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool")
    id_ = f"livekit:{ctx.job.room.sid}"  # the connector's id, so a call that both report is counted once
    channel: Channel = "telephone" if caller.kind == ParticipantKind.PARTICIPANT_KIND_SIP else "webrtc"
    call = client.conversation(id_, channel=channel, direction="inbound", modality="voice", agent_id=ctx.job.agent_name)
    # Whether the job crashed is known only in the shutdown callback, seconds after the session's close.
    session.once("close", lambda event: call.end("failed") if event.error else call.stop())

    @ctx.room.on("participant_disconnected")
    def on_leave(participant: RemoteParticipant) -> None:
        if participant.identity == caller.identity:
            call.end()

    async def on_shutdown(reason: str) -> None:
        await call.end("failed" if reason == "job crashed" else "completed")
        await client.close(5)

    ctx.add_shutdown_callback(on_shutdown)
    await call.start()
