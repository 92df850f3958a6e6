"""OpenAI Agents SDK: each run of an agent is a workflow run; its id is that of the run's trace."""

import os

from agents import Agent, RunConfig, Runner, RunResult, gen_trace_id

from talkmeter_client import AsyncClient

client = AsyncClient(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool")


async def run(agent: Agent, prompt: str) -> RunResult:
    run_id = gen_trace_id()
    async with client.workflow_execution(run_id, workflow_id=agent.name):
        return await Runner.run(agent, prompt, run_config=RunConfig(trace_id=run_id))
