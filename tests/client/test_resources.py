"""The resources of a client: the modules it loads, its memory, how often it wakes up."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from tests.client.clients import QUICK, Factory, call
from tests.client.scripted import http_error, receipt, scripted

IMPORT = """
import json, sys
import httpx, msgspec
before = {name.split(".")[0] for name in sys.modules}
import talkmeter_client
after = {name for name in sys.modules if name.split(".")[0] not in before}
print(json.dumps(sorted(name for name in after if name.split(".")[0] not in sys.stdlib_module_names)))
"""

MEMORY = """
import resource, sys
from pathlib import Path
from tests.client.clients import Factory, QUICK, large
import msgspec
limits = msgspec.structs.replace(QUICK, spool_bytes=1 << 30)
client = Factory(sys.argv[1], Path(sys.argv[2]), limits=limits).open(sys.argv[3])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
for number in range(500):
    client.send(large(number, 4_000))
before = peak()
for number in range(10_000):
    client.send(large(number, 4_000))
print(before, peak(), client.waiting().bytes >> 20)
client.close(0)
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from talkmeter_client import SpoolUnusable
from tests.client.clients import Factory, call
client = Factory(sys.argv[1], Path(sys.argv[2])).open(sys.argv[3])
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
stored = 0
try:
    while True:
        client.send(call(stored))
        stored += 1
except SpoolUnusable as error:
    print(stored, error.detail)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
client.send(call(stored))
client.close(0)
"""


def run(script: str, *arguments: str) -> str:
    """Run a program in a new process and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_client_loads_no_module_of_the_server() -> None:
    loaded = json.loads(run(IMPORT))

    assert {name.split(".")[0] for name in loaded} == {"talkmeter_client"}


def test_memory_does_not_grow_with_the_waiting_events(kind: str, spool: Path) -> None:
    with scripted(http_error(503)) as server:
        before, after, waiting_mib = map(int, run(MEMORY, server.url, str(spool), kind).split())

    assert waiting_mib >= 38
    assert after - before < 16


def test_full_disk_is_an_error_and_the_stored_events_are_sent(kind: str, spool: Path) -> None:
    with scripted(http_error(503)) as server:
        stored, sentence = run(FULL_DISK, server.url, str(spool), kind).split(" ", 1)
    with scripted(receipt) as server, Factory(server.url, spool).opened(kind) as client:
        assert client.flush(60)
    sent = [id_ for request in server.requests for id_ in request.ids]

    assert sentence.startswith("The spool ")
    assert " cannot be written: " in sentence
    assert int(stored) > 50
    assert sent == [call(number).id for number in range(int(stored) + 1)]


def wakeups(client_thread: str) -> int:
    """Return how often a thread of this process has gone to sleep."""
    [thread] = [each for each in threading.enumerate() if each.name.startswith(client_thread)]
    lines = Path(f"/proc/self/task/{thread.native_id}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def wakeups_once_idle(client_thread: str) -> int:
    """Return the same number once the thread has slept for 0.3 s; on a busy machine that takes a while."""
    while True:
        before = wakeups(client_thread)
        threading.Event().wait(0.3)
        if wakeups(client_thread) == before:
            return before


def test_idle_client_does_not_wake_up(spool: Path) -> None:
    with scripted(receipt) as server, Factory(server.url, spool).opened("Client") as client:
        client.send(call(1))
        assert client.flush(60)
        before = wakeups_once_idle("talkmeter-client")
        threading.Event().wait(1.5)
        assert wakeups("talkmeter-client") - before <= 1


def test_client_between_retries_does_not_wake_up(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, first_pause_sec=30, longest_pause_sec=30, batch_events=1)
    with (
        scripted(http_error(503)) as server,
        Factory(server.url, spool, limits=limits).opened("Client", 0) as client,
    ):
        client.send(call(1))
        server.wait_for(1)
        before = wakeups_once_idle("talkmeter-client")
        for number in range(2, 40):
            client.send(call(number))
        threading.Event().wait(1)
        assert wakeups("talkmeter-client") - before <= 1
