"""LangGraph: each run of a graph is a workflow run, with the id that the run has in LangSmith."""

import os
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph

from talkmeter_client import AsyncClient

client = AsyncClient(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool")


async def run(graph: CompiledStateGraph, state: dict[str, Any], thread_id: str) -> dict[str, Any]:
    run_id = uuid4()
    config = RunnableConfig(run_id=run_id, configurable={"thread_id": thread_id})
    async with client.workflow_execution(str(run_id), workflow_id=graph.name):
        return await graph.ainvoke(state, config)
