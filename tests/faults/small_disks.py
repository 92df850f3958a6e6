"""Disks of a few megabytes: a tmpfs in a mount namespace, which needs no privileges.

A process keeps the namespace alive; when it ends, the disk is gone. The test reaches the disk through the root of that
process in /proc, and starts programs in the namespace with `nsenter`.
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
_MOUNT: Final = (
    'mount -t tmpfs -o "size=$1m,mode=0777" none "$2" && : > "$2/ballast" && chmod 0666 "$2/ballast" '
    "&& echo ready && exec cat"
)


@dataclass(frozen=True)
class SmallDisk:
    """A disk, its folder in the namespace, and the process that keeps the namespace."""

    folder: Path
    holder: int

    @property
    def outside(self) -> Path:
        """The folder as other processes see it."""
        return Path(f"/proc/{self.holder}/root{self.folder}")

    @property
    def enter(self) -> list[str]:
        """The start of a command that runs in the namespace."""
        return ["nsenter", f"--target={self.holder}", "--user", "--mount", "--preserve-credentials", "--"]

    def fill(self, spare: int = 0) -> None:
        """Fill the disk; leave about `spare` bytes free."""
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
        """Free the disk."""
        os.truncate(self._ballast, 0)

    def make_read_only(self) -> None:
        """Mount the disk read-only over itself; files that are open for writing stay so."""
        for command in (["--bind", f"{self.folder}", f"{self.folder}"], ["-o", "remount,bind,ro", f"{self.folder}"]):
            subprocess.run([*self.enter, "mount", *command], check=True)

    @property
    def _ballast(self) -> Path:
        return self.outside / "ballast"


@contextmanager
def small_disk(folder: Path, mebibytes: int, user: int | None = None) -> Iterator[SmallDisk]:
    """Mount a disk over a folder, as another user if its files must belong to that user."""
    folder.mkdir(exist_ok=True)
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", str(mebibytes), str(folder)]
    as_user = None if user == os.geteuid() else user
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=as_user
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"ready\n":
            error = process.stderr.read().decode().strip()
            pytest.skip(f"Cannot mount a small disk here, so full disks are not tested: {error}")
        yield SmallDisk(folder, process.pid)


def run_inside(monkeypatch: pytest.MonkeyPatch, folder: Path, before: list[str]) -> None:
    """Let tests.servers start `talkmeter` with a command before it, for the rest of the test."""
    script = folder / "talkmeter"
    words = " ".join(f"'{word}'" for word in [*before, str(servers.TALKMETER)])
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setattr(servers, "TALKMETER", script)
