"""docs/how-to/python-client.md: its programs run unchanged, and its tables match the code."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

import talkmeter_client
from talkmeter_client import AsyncClient, Limits
from tests.client.clients import QUICK
from tests.client.scripted import ScriptedServer, http_error, scripted
from tests.client.test_counted_once import summary
from tests.docs.documents import Document, read
from tests.event_loop import run_coroutine
from tests.servers import Server

GUIDE: Document = read("docs/how-to/python-client.md")
Ended = Callable[[], Awaitable[None]]


def run_program(program: str, server: Server | ScriptedServer, key: str, folder: Path) -> str:
    """Run a program of the guide and return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        env={**os.environ, "TALKMETER_URL": server.url, "TALKMETER_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def names_of(program: str) -> dict[str, Any]:
    """Return the names that a program of the guide defines."""
    names: dict[str, Any] = {}
    exec(program, names)
    return names


def test_first_programs_send_their_events(server: Server, tmp_path: Path) -> None:
    key = server.key("guide")
    programs = GUIDE.section("Send an event").blocks("python")
    for program in programs:
        run_program(program, server, key, tmp_path)
    figures = summary(server, key, "2026-11-22")

    assert len(programs) == 2
    assert (figures["total_calls"], figures["voice_duration_ms"]) == (1, 95_000)
    assert (figures["workflow_runs_total"], figures["workflow_runs_success"]) == (1, 1)


def test_program_lists_and_sends_events_set_aside(server: Server, tmp_path: Path) -> None:
    [first, _] = GUIDE.section("Send an event").blocks("python")
    [program] = GUIDE.section("Handle rejected events").blocks("python")
    key = server.key("guide-rejected")
    with scripted(http_error(422, "Not this one.")) as rejecting:
        run_program(first, rejecting, key, tmp_path)

    assert " 422: Not this one." in run_program(program, server, key, tmp_path)
    assert summary(server, key, "2026-11-22")["total_calls"] == 1


def test_program_meters_a_conversation_and_a_run(server: Server, tmp_path: Path) -> None:
    [program] = GUIDE.section("Meter a conversation or a run").blocks("python")
    key = server.key("guide-activities")
    run_program(program, server, key, tmp_path)
    figures = summary(server, key, None)

    assert (figures["voice_calls"], figures["live_calls"], figures["timed_calls"]) == (1, 0, 1)
    assert (figures["workflow_runs_total"], figures["workflow_runs_success"]) == (1, 1)


def test_livekit_job_is_metered(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = server.key("guide-livekit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TALKMETER_URL", server.url)
    monkeypatch.setenv("TALKMETER_KEY", key)
    [program] = GUIDE.section("LiveKit Agents").blocks("python")
    entrypoint = names_of(program)["entrypoint"]

    async def job() -> None:
        ended: list[Ended] = []
        await entrypoint(SimpleNamespace(room=SimpleNamespace(name="room-1"), add_shutdown_callback=ended.append))
        for callback in ended:
            await callback()

    run_coroutine(job())
    figures = summary(server, key, None)

    assert (figures["total_calls"], figures["voice_calls"], figures["live_calls"]) == (1, 1, 0)
    assert figures["timed_calls"] == 1


class Transport:
    """A Pipecat transport: it registers event handlers."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[object, object], Awaitable[None]]] = {}

    def event_handler(self, name: str) -> Callable[[Callable[[object, object], Awaitable[None]]], object]:
        """Return a decorator that registers a handler."""
        return lambda handler: self.handlers.setdefault(name, handler)


def test_pipecat_call_is_metered(server: Server, spool: Path) -> None:
    key = server.key("guide-pipecat")
    [program] = GUIDE.section("Pipecat").blocks("python")
    meter = names_of(program)["meter"]
    transport = Transport()

    async def call() -> None:
        async with AsyncClient(server.url, key, spool=spool, limits=QUICK) as open_client:
            meter(transport, open_client, "call-1")
            await transport.handlers["on_client_connected"](transport, None)
            await transport.handlers["on_client_disconnected"](transport, None)

    run_coroutine(call())
    figures = summary(server, key, None)

    assert set(transport.handlers) == {"on_client_connected", "on_client_disconnected"}
    assert (figures["total_calls"], figures["voice_calls"], figures["live_calls"]) == (1, 1, 0)


def test_limits_match_the_code() -> None:
    rows = {row[0].strip("`"): row[1] for row in GUIDE.section("Limits").rows()}

    assert rows == {name: str(value) for name, value in msgspec.structs.asdict(Limits()).items()}


def test_functions_that_build_events_exist() -> None:
    functions = {cell.split("(")[0] for cell in GUIDE.section("Build events").column()}

    assert functions == {"conversation", "workflow_execution", "event"}
    assert functions <= set(talkmeter_client.__all__)
