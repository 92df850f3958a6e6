"""The recipes of examples/integrations, the endings that their drivers know, and how a driver is run."""

import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[1]
RECIPES_FOLDER: Final = ROOT / "examples" / "integrations"
ENVIRONMENTS: Final = ROOT / ".venv"


class Made(msgspec.Struct, frozen=True):
    """A call or run that a driver made, as it truly was."""

    id: str
    status: str
    seconds: float | None


@dataclass(frozen=True)
class Recipe:
    """A recipe: what it meters, and the endings of its framework that a driver can make."""

    name: str
    kind: str
    endings: tuple[str, ...]
    environment: str = "integrations"
    unmetered: int = 0
    """How many of the endings are not metered."""

    def __str__(self) -> str:
        return self.name

    @property
    def few_endings(self) -> tuple[str, ...]:
        """An ending of each kind: with and without an exception."""
        return ("normal", "exception") if "exception" in self.endings else ("normal", "error_cancels")

    def command(self, *endings: str) -> list[str]:
        """Return the command that runs the driver."""
        python = ENVIRONMENTS / self.environment / "bin" / "python"
        return [str(python), str(Path(__file__).parent / "drivers" / f"drive_{self.name}.py"), *endings]


RECIPES: Final = (
    Recipe(
        "livekit_calls",
        "conversation",
        (
            "normal",
            "hang_up",
            "cancel",
            "exception",
            "exception_after_hang_up",
            "model_error",
            "console",
            "process",
        ),
        unmetered=1,
    ),
    Recipe(
        "pipecat_calls",
        "conversation",
        ("normal", "hang_up", "cancel", "task_cancel", "error_cancels", "error_ends", "transient_error"),
    ),
    Recipe("openai_runs", "workflow_execution", ("normal", "exception", "cancel")),
    Recipe("openai_calls", "conversation", ("normal", "hang_up", "exception", "cancel")),
    Recipe("adk_runs", "workflow_execution", ("normal", "exception", "cancel", "abandon"), environment="adk"),
    Recipe(
        "temporal_runs",
        "workflow_execution",
        ("normal", "exception", "cancel", "continue_as_new", "bug", "replay"),
    ),
    Recipe("gunicorn_calls", "conversation", ("normal", "exception", "timeout")),
    Recipe("celery_runs", "workflow_execution", ("normal", "exception", "retry", "cancel")),
    Recipe("langgraph_runs", "workflow_execution", ("normal", "exception", "cancel")),
)


@dataclass(frozen=True)
class Driver:
    """Runs drivers in a folder, with a server and a key."""

    folder: Path
    url: str
    key: str
    enter: list[str] = field(default_factory=list)
    """The start of the command, to run it in another mount namespace."""

    def run(self, recipe: Recipe, *endings: str) -> list[Made]:
        """Run the driver to its end; return what it made. The driver checks what its framework does."""
        in_folder = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.folder)]
        done = subprocess.run(
            [*self.enter, *in_folder, *recipe.command(*endings)],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return read_made(done.stdout)

    def run_and_kill(self, recipe: Recipe) -> list[Made]:
        """Run the driver with the ending `kill`; kill it and its children with -9 when its call is in progress."""
        with subprocess.Popen(
            recipe.command("kill"),
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                if line.strip() == "ready":
                    break
                lines.append(line)
            else:
                raise AssertionError(f"the driver ended before its call was in progress: {lines}")
            os.killpg(process.pid, signal.SIGKILL)
        return read_made("".join(lines))

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return inherited | {
            "TALKMETER_URL": self.url,
            "TALKMETER_KEY": self.key,
            "PYTHONPATH": str(RECIPES_FOLDER),
        }


def read_made(output: str) -> list[Made]:
    """Return the calls and runs in the output of a driver."""
    return [msgspec.convert(json.loads(line), Made) for line in output.splitlines() if line.startswith("{")]
