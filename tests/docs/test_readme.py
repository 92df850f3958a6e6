"""The README's commands work as written and print what the README shows."""

import importlib.util
import json
from types import ModuleType

import pytest

from tests.docs.documents import DOCUMENTS, README, ROOT
from tests.docs.shell import run_steps_with_server
from tests.servers import free_port

Json = dict[str, object]
EXAMPLE = README.section("A first event")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The output of the commands: the event, the event again, the query, the summary in the terminal."""
    start, event, query = EXAMPLE.blocks("sh")
    terminal = "talkmeter summary --org acme --from 2026-11-22 --to 2026-11-23 --json"
    folder = tmp_path_factory.mktemp("readme")
    return run_steps_with_server(start, [event, event, query, terminal], folder, free_port())


def shown(index: int) -> Json:
    """Return a JSON block of the README."""
    block: Json = json.loads(EXAMPLE.blocks("json")[index])
    return block


def test_receipt_of_the_first_event_is_as_shown(printed: list[str]) -> None:
    assert json.loads(printed[0]) == shown(0)


def test_event_sent_again_is_a_duplicate(printed: list[str]) -> None:
    assert json.loads(printed[1]) == {**shown(0), "accepted": 0, "duplicate": 1}


def test_summary_is_as_shown(printed: list[str]) -> None:
    answer = json.loads(printed[2])

    assert {name: answer.get(name) for name in shown(1)} == shown(1)


def test_terminal_prints_the_same_figures(printed: list[str]) -> None:
    assert json.loads(printed[3]) == json.loads(printed[2])


def test_summary_command_in_the_text_is_the_tested_one() -> None:
    assert "talkmeter summary --org acme --from 2026-11-22 --to 2026-11-23" in README.code()


def test_first_screen_has_a_picture_in_both_color_schemes_and_two_commands() -> None:
    first_screen = README.text.split("## A first event")[0]

    assert '<source media="(prefers-color-scheme: dark)" srcset="docs/images/overview-dark.png">' in first_screen
    assert '<img src="docs/images/overview-light.png"' in first_screen
    assert README.section("Two commands").blocks("") == ["make run\n", "make test\n"]


@pytest.fixture(scope="module")
def check_wheel() -> ModuleType:
    """tools/check_wheel.py as a module; `make wheel` runs it."""
    spec = importlib.util.spec_from_file_location("check_wheel", ROOT / "tools" / "check_wheel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_commands_without_a_clone_are_those_that_make_wheel_runs(check_wheel: ModuleType) -> None:
    blocks = README.section("Without a clone").blocks("sh")
    commands = check_wheel.readme_commands(README.text)

    assert commands == [block.splitlines() for block in blocks]
    assert [block[-1].split()[-2:] for block in commands] == [["talkmeter", "demo"], [".venv/bin/talkmeter", "demo"]]
    assert commands[0][-1].startswith("uv tool run --with ./talkmeter_client-")
    assert any(line.startswith(".venv/bin/pip install ./talkmeter_client-") for line in commands[1])


def test_documents_name_the_wheels_of_any_build() -> None:
    wheels = {word for document in DOCUMENTS for word in document.text.split() if word.endswith(".whl")}

    assert {word.rpartition("/")[2] for word in wheels} == {"talkmeter-*.whl", "talkmeter_client-*.whl"}
