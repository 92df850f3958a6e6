"""Drive `examples/integrations/celery_runs.py`: a real worker with processes, and tasks for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from calls import raises
from celery.exceptions import TaskRevokedError
from celery_app import app, folder


def start() -> subprocess.Popen[bytes]:
    """Start a worker; its processes write to the standard output of this process."""
    python_path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(__file__).parent)])
    options = ["-A", "celery_app", "worker", "--concurrency", "2", "--loglevel", "error", "--without-gossip"]
    return subprocess.Popen([sys.executable, "-m", "celery", *options], env=os.environ | {"PYTHONPATH": python_path})


def run(name: str) -> None:
    """Run a task and check its result."""
    result = app.send_task(name)
    match name:
        case "normal" | "retry":
            assert result.get(60) == "Good morning."
        case "exception":
            with raises(ConnectionError):
                result.get(60)
        case "cancel":
            while not (folder / "running").exists():
                time.sleep(0.05)
            while not result.ready():  # the broker of files may lose a broadcast
                result.revoke(terminate=True)
                time.sleep(0.5)
            with raises(TaskRevokedError):
                result.get(60)
        case "kill":
            time.sleep(60)


def main() -> None:
    worker = start()
    try:
        for name in ["normal", "kill"] if sys.argv[1:] == ["kill"] else sys.argv[1:]:
            run(name)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)


if __name__ == "__main__":
    main()
