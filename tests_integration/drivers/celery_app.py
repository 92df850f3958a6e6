"""The application that the driver of Celery runs, with a broker and results in files."""

import time
from pathlib import Path

import celery_runs
from calls import made, wait_to_be_killed
from celery import Celery, Task

assert celery_runs.runs == {}
folder = Path.cwd() / "broker"
for name in ("messages", "processed", "control", "results"):
    (folder / name).mkdir(parents=True, exist_ok=True)

app = Celery("app", broker="filesystem://", backend=f"file://{folder / 'results'}")
app.conf.broker_transport_options = {
    "data_folder_in": str(folder / "messages"),
    "data_folder_out": str(folder / "messages"),
    "processed_folder": str(folder / "processed"),
    "control_folder": str(folder / "control"),
}
app.conf.worker_redirect_stdouts = False


@app.task(name="normal", bind=True)
def normal(task: Task) -> str:
    made(task.request.id, "success")
    return "Good morning."


@app.task(name="exception", bind=True)
def exception(task: Task) -> None:
    made(task.request.id, "failed")
    raise ConnectionError("The model is down.")


@app.task(name="retry", bind=True)
def retry(task: Task) -> str:
    if task.request.retries == 0:
        raise task.retry(countdown=0)
    made(task.request.id, "success")
    return "Good morning."


@app.task(name="cancel", bind=True)
def cancel(task: Task) -> None:
    made(task.request.id, "cancelled")
    (folder / "running").touch()
    time.sleep(60)


@app.task(name="kill", bind=True)
def kill(task: Task) -> None:
    made(task.request.id, "running")
    wait_to_be_killed()
