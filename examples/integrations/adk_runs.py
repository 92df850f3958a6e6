"""Google ADK: each run of a runner is a workflow run. Read `run` to its end, or close it with `aclosing`."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import uuid4

from google.adk.events import Event
from google.adk.runners import Runner
from google.genai.types import Content

from talkmeter_client import AsyncClient

client = AsyncClient(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool")


async def run(runner: Runner, user_id: str, session_id: str, message: Content) -> AsyncIterator[Event]:
    running = runner.run_async(user_id=user_id, session_id=session_id, new_message=message)
    async with client.workflow_execution(str(uuid4()), workflow_id=runner.app_name), aclosing(running) as events:
        async for event in events:
            yield event
