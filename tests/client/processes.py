"""Start processes that send events, read their output, and kill them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class SendingProcess:
    """A process that sends events."""

    def __init__(self, url: str, key: str, spool: Path, numbers: range, kind: str) -> None:
        arguments = [url, key, str(spool), str(numbers.start), str(numbers.stop), kind]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.client.sending_process", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.started: list[int] = []

    def wait_for(self, line: str) -> None:
        """Read its output up to a line."""
        for text in self._out:
            word = text.strip()
            if word.isdigit():
                self.started.append(int(word))
            if word == line:
                return
        raise AssertionError(f"the sender ended before it printed {line}")

    def kill(self) -> list[int]:
        """Kill it with -9; return the numbers of the events it started to send, the last perhaps without finishing."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self.started += [int(word) for word in self._out.read().split() if word.isdigit()]
        self._close()
        return self.started

    def end(self) -> None:
        """Let it end normally."""
        self._in.close()
        assert self._process.wait(90) == 0
        self._close()

    def _close(self) -> None:
        self._in.close()
        self._out.close()


@contextmanager
def sending(url: str, key: str, spool: Path, numbers: range, kind: str) -> Iterator[SendingProcess]:
    """Start a process that sends; end it at the end if it was not killed."""
    process = SendingProcess(url, key, spool, numbers, kind)
    try:
        yield process
    finally:
        if process._process.poll() is None:
            process.end()
