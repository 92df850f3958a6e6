"""Drive `examples/integrations/temporal_runs.py`: a real worker and sandbox, and a server that hands out its tasks.

The worker caches no workflow, so each run ends after a replay, as if another worker had started it.
"""

import asyncio
import sys

import temporal_runs
from calls import CLOSE_SEC, made, wait_to_be_killed
from temporal_server import QUEUE, Run, Server
from temporal_workflow import Support
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, Worker


async def start(server: Server, run_id: str) -> Run:
    """Start a run; it waits for its ending."""
    run = Run(run_id)
    assert await server.do(run) == []
    return run


async def normal(server: Server) -> None:
    run = await start(server, "normal")
    run.signal("solve")
    assert await server.do(run) == ["complete_workflow_execution_command_attributes"]
    made("normal", "success")


async def exception(server: Server) -> None:
    run = await start(server, "exception")
    run.signal("fail")
    assert await server.do(run) == ["fail_workflow_execution_command_attributes"]
    made("exception", "failed")


async def cancel(server: Server) -> None:
    run = await start(server, "cancel")
    run.cancel()
    assert await server.do(run) == ["cancel_workflow_execution_command_attributes"]
    made("cancel", "cancelled")


async def continue_as_new(server: Server) -> None:
    run = await start(server, "continue")
    run.signal("continue")
    assert await server.do(run) == ["continue_as_new_workflow_execution_command_attributes"]
    made("continue", "success")


async def bug(server: Server) -> None:
    """Temporal retries a task whose code has a bug, so the run goes on."""
    run = await start(server, "bug")
    run.signal("bug")
    assert await server.do(run) == ["failed"]
    made("bug", "running")


async def replay(server: Server) -> None:
    """A run that is only replayed, as in a test of the workflow's code, is not metered."""
    run = await start(server, "replay")
    made("replay", "running")
    run.signal("solve")
    run.task()
    run.complete_task()
    completed = run.add("WORKFLOW_EXECUTION_COMPLETED").workflow_execution_completed_event_attributes
    completed.workflow_task_completed_event_id = len(run.events) - 1
    replayer = Replayer(workflows=[Support], interceptors=[temporal_runs.MeterRuns()])
    await replayer.replay_workflow(WorkflowHistory("workflow-of-replay", run.events))


async def kill(server: Server) -> None:
    await normal(server)
    await start(server, "kill")
    made("kill", "running")
    wait_to_be_killed()


ENDINGS = {
    "normal": normal,
    "exception": exception,
    "cancel": cancel,
    "continue_as_new": continue_as_new,
    "bug": bug,
    "replay": replay,
    "kill": kill,
}


async def main() -> None:
    server = Server()
    listening = await server.start()
    client = await Client.connect(server.address)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Support],
        interceptors=[temporal_runs.MeterRuns()],
        max_cached_workflows=0,
    )
    async with worker:
        for name in sys.argv[1:]:
            await ENDINGS[name](server)
        await listening.stop(0)
    temporal_runs.client.close(CLOSE_SEC)


if __name__ == "__main__":
    asyncio.run(main())
