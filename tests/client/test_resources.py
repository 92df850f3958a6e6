"""What a client takes of a process: what it loads, its memory, its wakings."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import msgspec

from tests.client.clients import QUICK, Make, call
from tests.client.scripted import receipt, scripted, status

ALONE = """
import json, sys
import httpx, msgspec
before = {name.split(".")[0] for name in sys.modules}
import talkmeter.client
after = {name for name in sys.modules if name.split(".")[0] not in before}
print(json.dumps(sorted(name for name in after if name.split(".")[0] not in sys.stdlib_module_names)))
"""

MUCH = """
import resource, sys
from pathlib import Path
from tests.client.clients import Make, QUICK, call
import msgspec
limits = msgspec.structs.replace(QUICK, spool_bytes=1 << 30)
client = Make(sys.argv[1], Path(sys.argv[2]), limits=limits).of(sys.argv[3])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
text = "a" * 4_000
for number in range(500):
    client.send(call(number, agent_id=text))
before = peak()
for number in range(10_000):
    client.send(call(number, agent_id=text))
print(before, peak(), client.waiting().bytes >> 20)
client.close(0)
"""

FULL_DISK = """
import resource, sys
from pathlib import Path
from talkmeter.client import SpoolUnusable
from tests.client.clients import Make, call
client = Make(sys.argv[1], Path(sys.argv[2])).of(sys.argv[3])
most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, most[1]))
taken = 0
try:
    while True:
        client.send(call(taken))
        taken += 1
except SpoolUnusable as error:
    print(taken, error.detail)
resource.setrlimit(resource.RLIMIT_FSIZE, most)
client.send(call(taken))
client.close(0)
"""


def run(script: str, *arguments: str) -> str:
    """What a program prints, in a fresh process."""
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


def test_importing_the_client_loads_nothing_of_the_server() -> None:
    loaded = json.loads(run(ALONE))
    ours = {name.removeprefix("talkmeter.") for name in loaded if not name.startswith("talkmeter.client")}

    assert ours == {"talkmeter", "clock", "errors", "records"}


def test_memory_does_not_grow_with_what_waits(kind: str, spool: Path) -> None:
    with scripted(status(503)) as server:
        before, after, waits = map(int, run(MUCH, server.url, str(spool), kind).split())

    assert waits >= 38
    assert after - before < 16


def test_a_disk_without_room_is_told_and_what_was_taken_is_sent(kind: str, spool: Path) -> None:
    with scripted(status(503)) as server:
        taken, sentence = run(FULL_DISK, server.url, str(spool), kind).split(" ", 1)
    with scripted(receipt) as server, Make(server.url, spool).opened(kind) as client:
        assert client.flush(30)
    sent = [id_ for posted in server.posted for id_ in posted.ids]

    assert sentence.startswith("The spool ")
    assert " cannot be written: " in sentence
    assert int(taken) > 50
    assert sent == [call(number).id for number in range(int(taken) + 1)]


def wakings(client_thread: str) -> int:
    """Return how often a thread of this process has gone to sleep."""
    [thread] = [one for one in threading.enumerate() if one.name.startswith(client_thread)]
    lines = Path(f"/proc/self/task/{thread.native_id}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def wakings_once_idle(client_thread: str) -> int:
    """Return the same number once the thread has slept for 0.3 s; on a busy machine that takes a while."""
    while True:
        before = wakings(client_thread)
        threading.Event().wait(0.3)
        if wakings(client_thread) == before:
            return before


def test_a_client_that_has_nothing_to_do_does_nothing(spool: Path) -> None:
    with scripted(receipt) as server, Make(server.url, spool).opened("Client") as client:
        client.send(call(1))
        assert client.flush(20)
        before = wakings_once_idle("talkmeter-client")
        threading.Event().wait(1.5)
        assert wakings("talkmeter-client") - before <= 1


def test_a_client_that_waits_for_the_server_does_nothing(spool: Path) -> None:
    limits = msgspec.structs.replace(QUICK, first_pause_sec=30, longest_pause_sec=30, batch_events=1)
    with scripted(status(503)) as server, Make(server.url, spool, limits=limits).opened("Client", 0) as client:
        client.send(call(1))
        server.wait_for(1)
        before = wakings_once_idle("talkmeter-client")
        for number in range(2, 40):
            client.send(call(number))
        threading.Event().wait(1)
        assert wakings("talkmeter-client") - before <= 1
