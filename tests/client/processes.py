"""Starts programs that send, reads what they say, and kills them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class Sending:
    """One program that sends."""

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
        self.begun: list[int] = []

    def wait_for(self, line: str) -> None:
        """Read what it says up to a line."""
        for said in self._out:
            word = said.strip()
            if word.isdigit():
                self.begun.append(int(word))
            if word == line:
                return
        raise AssertionError(f"the sender ended before it said {line}")

    def kill(self) -> list[int]:
        """Kill -9; the numbers of the events it had begun to send. Of the last one `send` may not have returned."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self.begun += [int(word) for word in self._out.read().split() if word.isdigit()]
        self._close()
        return self.begun

    def end(self) -> None:
        """Let it end by itself."""
        self._in.close()
        assert self._process.wait(90) == 0
        self._close()

    def _close(self) -> None:
        self._in.close()
        self._out.close()


@contextmanager
def sending(url: str, key: str, spool: Path, numbers: range, kind: str) -> Iterator[Sending]:
    """A program that sends, and ends at the end if it was not killed."""
    program = Sending(url, key, spool, numbers, kind)
    try:
        yield program
    finally:
        if program._process.poll() is None:
            program.end()
