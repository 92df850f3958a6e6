"""`talkmeter-spool`: shows, sends and drops the events in a spool."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.client.clients import KEY, Factory, call
from tests.client.scripted import http_error, receipt, scripted

PROGRAM: Final = Path(sys.executable).with_name("talkmeter-spool")


def run(*arguments: str | Path, url: str = "", key: str = "", answer: str = "") -> tuple[int, str, str]:
    """Run the program; return its exit code, output and errors."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        env={**os.environ, "TALKMETER_URL": url, "TALKMETER_KEY": key},
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def filled(spool: Path) -> Path:
    """A spool of the organization acme with two events set aside and one waiting."""
    with scripted(http_error(401, "The key is revoked."), http_error(503)) as server:
        factory = Factory(server.url, spool, organization="acme")
        with factory.opened("Client", 0) as client:
            client.send(call(1), call(2))
            assert client.flush(60)
            client.send(call(3))
    return spool


def test_show_prints_what_waits_and_why_events_are_set_aside(filled: Path) -> None:
    code, output, errors = run("show", filled)

    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "1 event waits to be sent for organization 'acme' (322 bytes).",
        "2 events are set aside, because the server answered 401: The key is revoked.",
    ]


def test_send_sends_everything_for_the_organization_of_the_spool(filled: Path) -> None:
    with scripted(receipt) as server:
        assert run("send", filled, url=server.url, key=KEY) == (0, "All events are sent.\n", "")
        assert {id_ for request in server.requests for id_ in request.ids} == {call(number).id for number in (1, 2, 3)}
        assert {request.headers["X-Anyreach-Org"] for request in server.requests} == {"acme"}
    assert run("show", filled)[1] == "0 events wait to be sent for organization 'acme' (0 bytes).\n"


def test_send_fails_and_says_why_if_the_server_is_down(filled: Path) -> None:
    code, output, errors = run("send", filled, "--timeout", "0.2", url="http://127.0.0.1:1", key=KEY)

    assert (code, output) == (1, "")
    assert "The server cannot be reached" in errors
    assert "3 events are left in the spool" in errors


def test_send_without_a_server_is_an_error(filled: Path) -> None:
    code, output, errors = run("send", filled)

    assert (code, output) == (1, "")
    assert errors.startswith("Error: The server or the key is missing. TALKMETER_URL is the address of the server")


def test_drop_asks_before_it_deletes_what_the_server_rejected(filled: Path) -> None:
    question = "2 events are set aside and not counted. Delete them? [y/N] "

    assert run("drop", filled, answer="\n") == (1, f"{question}Nothing was deleted.\n", "")
    assert run("drop", filled, answer="y\n") == (0, f"{question}2 events have been deleted.\n", "")
    assert run("drop", filled, "--yes") == (0, "0 events have been deleted.\n", "")
    assert run("show", filled)[1].startswith("1 event waits")


@pytest.mark.parametrize("command", ["show", "send", "drop"])
def test_missing_file_is_an_error_and_is_not_created(tmp_path: Path, command: str) -> None:
    code, output, errors = run(command, tmp_path / "no.spool")

    assert (code, output) == (1, "")
    assert errors.startswith("Error: '/")
    assert errors.endswith(" does not exist.\n")
    assert list(tmp_path.iterdir()) == []
