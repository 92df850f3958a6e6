"""Drive `examples/integrations/langgraph_runs.py`: a real graph with one node."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypedDict
from uuid import UUID

import langgraph_runs
from calls import made, raises, run_endings, wait_to_be_killed
from langchain_core.callbacks import BaseCallbackHandler
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph


class State(TypedDict):
    answer: str


ids: list[str] = []
Node = Callable[[], Awaitable[str]]


class RememberRuns(BaseCallbackHandler):
    """Remembers the ids of whole runs, as LangSmith shows them."""

    def on_chain_start(self, *_: object, run_id: UUID, parent_run_id: UUID | None = None, **__: object) -> None:
        if parent_run_id is None:
            ids.append(str(run_id))


def graph(node: Node) -> CompiledStateGraph:
    """Return a graph with this node."""

    async def answer(_: State) -> State:
        return {"answer": await node()}

    builder = StateGraph(State)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return builder.compile(name="front-desk").with_config(callbacks=[RememberRuns()])


async def good_morning() -> str:
    return "Good morning."


async def normal() -> None:
    result = await langgraph_runs.run(graph(good_morning), {"answer": ""}, "caller-1")
    assert result == {"answer": "Good morning."}
    made(ids[-1], "success")


async def exception() -> None:
    async def fail() -> str:
        raise ConnectionError("The model is down.")

    with raises(ConnectionError):
        await langgraph_runs.run(graph(fail), {"answer": ""}, "caller-1")
    made(ids[-1], "failed")


async def cancel() -> None:
    asked = asyncio.Event()

    async def never() -> str:
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError

    task = asyncio.create_task(langgraph_runs.run(graph(never), {"answer": ""}, "caller-1"))
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

    await langgraph_runs.run(graph(report), {"answer": ""}, "caller-1")


ENDINGS = {"normal": normal, "exception": exception, "cancel": cancel, "kill": kill}
if __name__ == "__main__":
    run_endings(ENDINGS, langgraph_runs.client.close)
