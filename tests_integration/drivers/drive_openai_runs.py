"""Drive `examples/integrations/openai_runs.py`: a real agent, and the SDK's scripted model."""

import asyncio

import openai_runs
from agents import Agent, set_tracing_disabled
from agents.testing import ModelCall, ModelStep, ScriptedModel, assistant_message
from calls import made, raises, run_endings, wait_to_be_killed

set_tracing_disabled(disabled=True)  # traces go to OpenAI
ids: list[str] = []
gen_trace_id = openai_runs.gen_trace_id


def remember_id() -> str:
    ids.append(gen_trace_id())
    return ids[-1]


openai_runs.gen_trace_id = remember_id


def agent(step: object) -> Agent:
    """Return an agent whose model does this step."""
    return Agent(name="front-desk", model=ScriptedModel([step]))


async def normal() -> None:
    result = await openai_runs.run(agent([assistant_message("Good morning.")]), "Hello")
    assert result.final_output == "Good morning."
    made(ids[-1], "success")


async def exception() -> None:
    with raises(ConnectionError):
        await openai_runs.run(agent(ConnectionError("The model is down.")), "Hello")
    made(ids[-1], "failed")


async def cancel() -> None:
    asked = asyncio.Event()

    async def never(_: ModelCall) -> ModelStep:
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError

    task = asyncio.create_task(openai_runs.run(agent(ModelStep.respond(never)), "Hello"))
    await asked.wait()
    task.cancel()
    with raises(asyncio.CancelledError):
        await task
    made(ids[-1], "cancelled")


async def kill() -> None:
    await normal()

    def report(_: ModelCall) -> ModelStep:
        made(ids[-1], "running")
        wait_to_be_killed()
        raise AssertionError

    await openai_runs.run(agent(ModelStep.respond(report)), "Hello")


ENDINGS = {"normal": normal, "exception": exception, "cancel": cancel, "kill": kill}
if __name__ == "__main__":
    run_endings(ENDINGS, openai_runs.client.close)
