"""gunicorn: a client in each worker process. Start `gunicorn -c python:gunicorn_calls …`.

An application meters with `gunicorn_calls.client.conversation(…)`.
"""

import os

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from talkmeter_client import Client

client: Client


def post_fork(server: Arbiter, worker: Worker) -> None:
    global client
    client = Client(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool", strict=False)


def worker_exit(server: Arbiter, worker: Worker) -> None:
    if worker.pid == os.getpid():  # gunicorn also calls this in its main process
        client.close(5)
