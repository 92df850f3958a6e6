"""The system calls of processes in their order, traced by strace."""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest

CALLS: Final = "write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync,recvfrom"
SYNCS: Final = frozenset({"fsync", "fdatasync"})
_BEGUN: Final = re.compile(r"(\d+) +(\w+)\((.*?)(<unfinished \.\.\.>)?")
_RESUMED: Final = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")
_TARGET: Final = re.compile(r"\d+<(.*?)>[,) ]")


class SystemCall(NamedTuple):
    """A system call: the process, the file or socket, the arguments, and the lines where it begins and ends."""

    process: int
    name: str
    target: str
    text: str
    begins: int
    ends: int

    @property
    def syncs(self) -> bool:
        """Whether it synced a file to disk."""
        return self.name in SYNCS and self.text.rstrip().endswith("= 0")

    @property
    def writes(self) -> bool:
        """Whether it writes to a file."""
        return self.name in ("write", "writev", "pwrite64", "pwritev")


def strace_command(output: Path) -> list[str]:
    """Return the start of a command that traces another one with its child processes. Skip if this is impossible."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed, so it is not tested that responses wait for the disk.")
    allowed = subprocess.run([program, "-D", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if allowed.returncode:
        error = allowed.stderr.strip()
        pytest.skip(f"strace is not allowed here, so it is not tested that responses wait for the disk: {error}")
    # Print strings unescaped and long enough for whole pages, so that ids can be found in them.
    return [program, "-f", "-yy", "-s", "100000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(output)]


@contextmanager
def attach_strace(processes: Iterable[int], output: Path) -> Iterator[None]:
    """Trace running processes and their child processes until the block ends."""
    command = [*strace_command(output), *(f"--attach={process}" for process in processes)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        if "attached" not in first:
            tracer.wait(timeout=60)
            pytest.skip(f"strace cannot attach here, so it is not tested that commits wait for the disk: {first}")
        yield
        tracer.terminate()
        tracer.communicate(timeout=30)


def read_trace(output: Path) -> list[SystemCall]:
    """Return the calls of a trace, in the order in which they began."""
    calls: list[SystemCall] = []
    unfinished_calls: dict[int, int] = {}
    with output.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            if (begun := _BEGUN.fullmatch(line.rstrip("\n"))) is not None:
                process, name, text, unfinished = begun.groups()
                target = _TARGET.match(text + ",")
                if unfinished:
                    unfinished_calls[int(process)] = len(calls)
                calls.append(SystemCall(int(process), name, target[1] if target else "", text, number, number))
            elif (resumed := _RESUMED.fullmatch(line.rstrip("\n"))) is not None:
                place = unfinished_calls.pop(int(resumed[1]))
                calls[place] = calls[place]._replace(text=calls[place].text + resumed[3], ends=number)
    return calls


def wait_for_end(output: Path, process: int) -> None:
    """Wait until the trace contains the end of a process."""
    deadline = time.monotonic() + 60
    while not re.search(rf"^{process} +\+\+\+ ", output.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        assert time.monotonic() < deadline, "the tracer did not see the end"
        threading.Event().wait(0.05)
