"""docs/how-to/python-client.md: its programs run unchanged, and its tables match the code."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

import talkmeter_client
from talkmeter_client import Limits
from tests.client.scripted import ScriptedServer, http_error, scripted
from tests.client.test_counted_once import summary
from tests.docs.documents import ROOT, Document, read
from tests.servers import Server

GUIDE: Document = read("docs/how-to/python-client.md")


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


def test_recipes_in_the_guide_are_those_of_the_examples() -> None:
    names = {path.stem: path.read_text() for path in (ROOT / "examples" / "integrations").glob("*.py")}
    links = {Path(target).stem for target in GUIDE.section("Agent frameworks").links()}
    sections = ("LiveKit Agents", "Pipecat", "Servers that fork")
    blocks = [block for section in sections for block in GUIDE.section(section).blocks("python")]

    assert links == set(names)
    assert len(blocks) == 4
    assert {block.strip() for block in blocks} <= {text.strip() for text in names.values()}


def test_limits_match_the_code() -> None:
    rows = {row[0].strip("`"): row[1] for row in GUIDE.section("Limits").rows()}

    assert rows == {name: str(value) for name, value in msgspec.structs.asdict(Limits()).items()}


def test_functions_that_build_events_exist() -> None:
    functions = {cell.split("(")[0] for cell in GUIDE.section("Build events").column()}

    assert functions == {"conversation", "workflow_execution", "event"}
    assert functions <= set(talkmeter_client.__all__)
