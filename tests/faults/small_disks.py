"""Disks of a few megabytes: a tmpfs in a mount namespace of its own, for which no privileges are needed.

A process holds the namespace; the disk is gone when it ends, however it ends. From outside the disk is reached through
the process's root in /proc, and a program is started inside with `nsenter`.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import Final

import pytest

from tests import servers

BLOCK: Final = 1 << 16
_HOLD: Final = (
    'mount -t tmpfs -o "size=$1m,mode=0777" none "$2" && : > "$2/ballast" && chmod 0666 "$2/ballast" '
    "&& echo ready && exec cat"
)


@dataclass(frozen=True)
class SmallDisk:
    """A disk, the folder where programs inside see it, and the process that holds it."""

    folder: Path
    holder: int

    @property
    def outside(self) -> Path:
        """The same folder for everybody else."""
        return Path(f"/proc/{self.holder}/root{self.folder}")

    @property
    def enter(self) -> list[str]:
        """The beginning of a command that runs inside."""
        return ["nsenter", f"--target={self.holder}", "--user", "--mount", "--preserve-credentials", "--"]

    def fill(self, spare: int = 0) -> None:
        """Leave only `spare` bytes free, more or less."""
        with self._ballast.open("ab", buffering=0) as ballast:
            size = BLOCK
            while size >= 4096:
                try:
                    ballast.write(b"\0" * size)
                except OSError as error:
                    if error.errno != ENOSPC:
                        raise
                    size //= 2
            if spare:
                ballast.truncate(max(ballast.tell() - spare, 0))

    def empty(self) -> None:
        """Take away what filled it."""
        os.truncate(self._ballast, 0)

    @property
    def _ballast(self) -> Path:
        return self.outside / "ballast"


@contextmanager
def small_disk(folder: Path, mebibytes: int, user: int | None = None) -> Iterator[SmallDisk]:
    """A disk of this size over a folder; held by another user where its files must belong to that one."""
    folder.mkdir(exist_ok=True)
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _HOLD, "sh", str(mebibytes), str(folder)]
    as_user = None if user == os.geteuid() else user
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=as_user
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"ready\n":
            said = process.stderr.read().decode().strip()
            pytest.skip(f"No small disk can be made here, so what a full disk does is not shown: {said}")
        yield SmallDisk(folder, process.pid)


def run_inside(monkeypatch: pytest.MonkeyPatch, folder: Path, before: list[str]) -> None:
    """From now on `talkmeter` is started by tests.servers with another command before it, in the same process."""
    script = folder / "talkmeter"
    words = " ".join(f"'{word}'" for word in [*before, str(servers.TALKMETER)])
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr(servers, "TALKMETER", script)
