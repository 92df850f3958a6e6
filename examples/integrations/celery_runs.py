"""Celery: each task is a run, with the task's id. Import this module where the app is created."""

import os
from typing import Any

from celery import Task, signals

from talkmeter_client import Activity, Client

runs: dict[str, Activity] = {}


@signals.worker_process_init.connect
def open_client(**_: Any) -> None:
    global client
    client = Client(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool", strict=False)


@signals.task_prerun.connect
def start(task_id: str, task: Task, **_: Any) -> None:
    run = runs[task_id] = client.workflow_execution(task_id, workflow_id=task.name)
    run.resume() if task.request.retries else run.start()


@signals.task_postrun.connect
def end(task_id: str, state: str | None, **_: Any) -> None:
    run = runs.pop(task_id)
    if state != "RETRY":  # the same run continues
        run.end({"SUCCESS": "success", "FAILURE": "failed"}.get(state, "cancelled"))


@signals.worker_process_shutdown.connect
def close_client(**_: Any) -> None:
    client.close(5)
