"""Drive `examples/integrations/adk_runs.py`: a real agent and runner, and a model that does what a test needs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from uuid import UUID, uuid4

import adk_runs
from calls import made, raises, run_endings, wait_to_be_killed
from google.adk.agents import LlmAgent
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai.types import Content, Part

ids: list[str] = []
HELLO = Content(role="user", parts=[Part(text="Hello")])


def remember_id() -> UUID:
    id_ = uuid4()
    ids.append(str(id_))
    return id_


adk_runs.uuid4 = remember_id


class Model(BaseLlm):
    """A model that answers with what a function returns."""

    answer: Callable[[], Awaitable[str]]

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        yield LlmResponse(content=Content(role="model", parts=[Part(text=await self.answer())]))


async def talk(answer: Callable[[], Awaitable[str]], *, abandon: bool = False) -> list[str]:
    """Run an agent and return its texts; with `abandon`, stop after the first."""
    runner = InMemoryRunner(LlmAgent(name="front_desk", model=Model(model="scripted", answer=answer)))
    session = await runner.session_service.create_session(app_name=runner.app_name, user_id="caller-1")
    texts = []
    async with aclosing(adk_runs.run(runner, "caller-1", session.id, HELLO)) as events:
        async for event in events:
            texts.append(event.content.parts[0].text if event.content else "")
            if abandon:
                break
    return texts


async def good_morning() -> str:
    return "Good morning."


async def normal() -> None:
    assert await talk(good_morning) == ["Good morning."]
    made(ids[-1], "success")


async def abandon() -> None:
    """Nothing reads the run to its end."""
    await talk(good_morning, abandon=True)
    made(ids[-1], "cancelled")


async def exception() -> None:
    async def fail() -> str:
        raise ConnectionError("The model is down.")

    with raises(ConnectionError):
        await talk(fail)
    made(ids[-1], "failed")


async def cancel() -> None:
    asked = asyncio.Event()

    async def never() -> str:
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError

    task = asyncio.create_task(talk(never))
    await asked.wait()
    task.cancel()
    with raises(asyncio.CancelledError):
        await task
    made(ids[-1], "cancelled")


async def kill() -> None:
    await normal()

    async def report() -> str:
        made(ids[-1], "running")
        wait_to_be_killed()
        raise AssertionError

    await talk(report)


ENDINGS = {"normal": normal, "abandon": abandon, "exception": exception, "cancel": cancel, "kill": kill}
if __name__ == "__main__":
    run_endings(ENDINGS, adk_runs.client.close)
