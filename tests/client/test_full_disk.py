"""A full disk: sending needs no space, and a spool that fills its disk drains again. The disk is a small tmpfs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.client.clients import call
from tests.client.scripted import http_error, receipt, scripted
from tests.faults.small_disks import small_disk

ROOT: Final = Path(__file__).parents[2]

FILLED_BY_ANOTHER: Final = """
import sys
from pathlib import Path
from tests.client.clients import Factory, call
from talkmeter_client import SpoolFull
disk = Path(sys.argv[2])
client = Factory(sys.argv[1], disk / "events.spool").open(sys.argv[3])
client.send(*(call(number) for number in range(20)))
with (disk / "other").open("wb", buffering=0) as other:
    try:
        while True:
            other.write(b"x" * 4096)
    except OSError:
        pass
    print(client.flush(60), client.waiting().events)
    try:
        client.send(call(20))
    except SpoolFull as error:
        print(error.detail)
(disk / "other").unlink()
client.send(call(21))
print(client.flush(60), client.close())
"""

FILLED_BY_ITSELF: Final = """
import sys
from pathlib import Path
from tests.client.clients import Factory, QUICK, call, large
from talkmeter_client import SpoolFull
import msgspec
limits = msgspec.structs.replace(QUICK, spool_bytes=1 << 30)
client = Factory(sys.argv[1], Path(sys.argv[2]) / "events.spool", limits=limits).open(sys.argv[3])
stored = 0
try:
    while True:
        client.send(large(stored, 20_000))
        stored += 1
except SpoolFull as error:
    print(error.detail)
print(stored, client.close(0))
client = Factory(URL, Path(sys.argv[2]) / "events.spool", limits=limits).open(sys.argv[3])
print(client.flush(60), client.close())
"""


def run_on_small_disk(script: str, mebibytes: int, folder: Path, url: str, kind: str) -> list[str]:
    """Run a program with a small disk at a folder, its second argument; return the lines of its output and log."""
    with small_disk(folder, mebibytes) as disk:
        done = subprocess.run(
            [*disk.enter, sys.executable, "-", url, str(folder), kind],
            input=script,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


def test_events_are_sent_while_another_program_fills_the_disk(kind: str, tmp_path: Path) -> None:
    with scripted(http_error(503), http_error(503), receipt) as server:
        sent, sentence, after, *log = run_on_small_disk(FILLED_BY_ANOTHER, 20, tmp_path, server.url, kind)
        ids = [id_ for request in server.requests[2:] for id_ in request.ids]

    assert sent == "True 0"
    assert "bytes must stay free; make space on the disk." in sentence
    assert after == "True 0"
    assert len([line for line in log if line.startswith("Sent events stay in the spool; ")]) <= 1
    assert ids == [call(number).id for number in [*range(20), 21]]


@pytest.mark.parametrize("size", [16, 40])
def test_spool_leaves_space_on_its_disk_and_drains(kind: str, tmp_path: Path, size: int) -> None:
    with scripted(http_error(503)) as down, scripted(receipt) as server:
        program = FILLED_BY_ITSELF.replace("URL", repr(server.url))
        sentence, stored, drained, *_ = run_on_small_disk(program, size, tmp_path, down.url, kind)
        ids = [id_ for request in server.requests for id_ in request.ids]

    number, left = map(int, stored.split())
    assert "bytes must stay free" in sentence
    assert number == left > 100
    assert drained == "True 0"
    assert ids == [call(number).id for number in range(number)]
