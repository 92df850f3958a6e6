"""Forks, event loops and programs that end without `close`: events are sent, or the log says where they are."""

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from talkmeter_client import AsyncClient, WrongUse
from tests.client.clients import KEY, QUICK, Factory, call
from tests.client.scripted import ScriptedServer, http_error, receipt, scripted
from tests.event_loop import run_coroutine

ROOT: Final = Path(__file__).parents[2]
UNREACHABLE: Final = "http://127.0.0.1:1"


def run_program(program: str, url: str, spool: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with the address of a server and the path of a spool."""
    return subprocess.run(
        [sys.executable, "-", url, str(spool)],
        input=f"import asyncio, os, sys\nfrom tests.client.clients import *\n{program}",
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ids(server: ScriptedServer) -> list[object]:
    """Return the ids of all events that a server received."""
    return [id_ for request in server.requests for id_ in request.ids]


def test_program_that_ends_without_close_sends_its_last_events(spool: Path) -> None:
    program = """
client = Factory(sys.argv[1], sys.argv[2]).synchronous()
client.send(call(1))
"""
    with scripted(receipt) as server:
        done = run_program(program, server.url, spool)
        assert (done.returncode, done.stderr) == (0, "")
        assert ids(server) == [call(1).id]


def test_program_that_ends_without_close_waits_at_most_close_sec(spool: Path) -> None:
    program = """
client = Factory(sys.argv[1], sys.argv[2], limits=msgspec.structs.replace(QUICK, close_sec=0.3)).synchronous()
client.send(call(1))
"""
    done = run_program(program, UNREACHABLE, spool)

    assert done.returncode == 0
    assert "1 events are left in the spool" in done.stderr


@pytest.mark.parametrize("ending", ["loop ends", "client is dropped", "program exits"])
def test_async_client_that_is_not_closed_warns(spool: Path, ending: str) -> None:
    last = {"loop ends": "", "client is dropped": "    del client\n", "program exits": "    sys.exit(0)\n"}[ending]
    program = f"""
async def main():
    client = await Factory(sys.argv[1], sys.argv[2]).asynchronous().open()
    await client.send(call(1))
{last}
asyncio.run(main())
"""
    done = run_program(program, UNREACHABLE, spool)

    assert done.returncode == 0, done.stderr
    assert "An AsyncClient was not closed. Its last events may wait in the spool" in done.stderr


def test_async_client_made_before_a_fork_works_in_the_child(spool: Path) -> None:
    program = """
client = Factory(sys.argv[1], sys.argv[2]).asynchronous()
async def use():
    async with client:
        await client.send(call(1))
        assert await client.flush(60)
if os.fork() == 0:
    asyncio.run(use())
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    with scripted(receipt) as server:
        done = run_program(program, server.url, spool)
        assert done.returncode == 0, done.stderr
        assert ids(server) == [call(1).id]


def test_child_that_leaves_the_block_of_its_parent_exits_as_it_wants(spool: Path) -> None:
    program = """
with Factory(sys.argv[1], sys.argv[2]).synchronous() as client:
    client.send(call(1))
    if os.fork() == 0:
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
    client.send(call(2))
    assert client.flush(60)
"""
    with scripted(receipt) as server:
        done = run_program(program, server.url, spool)
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(map(str, ids(server))) == sorted([call(1).id, call(2).id])


def test_child_does_not_keep_the_send_lock_of_its_killed_parent(spool: Path) -> None:
    program = """
limits = msgspec.structs.replace(QUICK, first_pause_sec=60)
client = Factory(sys.argv[1], sys.argv[2], limits=limits).synchronous()
client.send(call(1))
client.flush(0.5)  # the server is down, so the client waits and has the send lock
if os.fork() == 0:
    print(os.getpid(), flush=True)
    signal.pause()
os.kill(os.getpid(), 9)
"""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import os, signal, sys\nfrom tests.client.clients import *\n{program}",
            UNREACHABLE,
            spool,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        process.wait(60)
        with scripted(receipt) as server, Factory(server.url, spool).opened("Client") as client:
            assert client.flush(60)
    finally:
        os.kill(child, 9)
        process.stdout.close()


def test_client_of_another_event_loop_raises(spool: Path) -> None:
    async def open_client() -> AsyncClient:
        return await AsyncClient(UNREACHABLE, KEY, spool=spool, limits=QUICK).open()

    async def use(client: AsyncClient) -> None:
        with pytest.raises(WrongUse, match="was opened in another event loop, <_UnixSelectorEventLoop"):
            await client.send(call(1))
        with pytest.raises(WrongUse, match="open one in each loop"):
            await client.close()

    def use_in_two_loops() -> None:
        loop, other = asyncio.new_event_loop(), asyncio.new_event_loop()
        client = loop.run_until_complete(open_client())
        other.run_until_complete(use(client))
        loop.run_until_complete(client.close(0))
        loop.close()
        other.close()

    # The main thread may have an event loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(use_in_two_loops).result()


def test_opening_does_not_block_the_event_loop(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_DIR")  # so that the system's certificates are loaded

    async def busy_sec() -> float:
        client = AsyncClient("https://127.0.0.1:1", KEY, spool=spool, limits=QUICK)
        before = time.thread_time()
        await client.open()
        busy = time.thread_time() - before
        await client.close(0)
        return busy

    assert run_coroutine(busy_sec()) < 0.02


def test_close_warns_about_events_set_aside(kind: str, spool: Path, caplog: pytest.LogCaptureFixture) -> None:
    with scripted(http_error(401, "The key is revoked.")) as server:
        with Factory(server.url, spool).opened(kind) as client:
            client.send(call(1))
            assert client.flush(60)
        assert "1 events are set aside because the server rejected them, and are not counted" in caplog.text


@pytest.mark.parametrize(("status", "sent_again"), [(401, True), (403, True), (422, False)])
def test_only_events_rejected_for_their_key_are_sent_with_another(
    kind: str, spool: Path, status: int, *, sent_again: bool
) -> None:
    with scripted(http_error(status)) as server, Factory(server.url, spool).opened(kind) as client:
        client.send(call(1))
        assert client.flush(60)
    with scripted(receipt) as server:
        with Factory(server.url, spool).opened(kind) as client:
            assert client.flush(60)
        assert ids(server) == []
        with Factory(server.url, spool, key="ak_fedcba9876543210.other").opened(kind) as client:
            assert client.flush(60)
            assert client.waiting().set_aside == (0 if sent_again else 1)
        assert ids(server) == ([call(1).id] if sent_again else [])


def test_key_does_not_pass_through_a_proxy_without_tls(kind: str, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(receipt) as server, scripted(http_error(418)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("all_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        with Factory(server.url, spool).opened(kind) as client:
            client.send(call(1))
            assert client.flush(60)
        assert proxy.requests == []
        assert ids(server) == [call(1).id]
