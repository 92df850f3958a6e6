"""The README's first event, typed as it stands, answers as the README says."""

import json

import pytest

from tests.docs.documents import README
from tests.docs.shell import run_script
from tests.servers import free_port

MARK = "--- next ---"
UNTIL_READY = "until curl --silent --fail --output ready http://127.0.0.1:8000/health/ready; do sleep 0.1; done"
Json = dict[str, object]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the commands print: those that start the server, the event, the event again, the question, the summary."""
    start, event, question = README.section("A first event").blocks("sh")
    terminal = "talkmeter summary --org acme --from 2026-11-22 --to 2026-11-23 --json"
    steps = [start + UNTIL_READY, event, event, question, terminal]
    script = 'trap "kill %1; wait" EXIT\n' + f"\necho; echo '{MARK}'\n".join(steps)
    port = str(free_port())

    folder = tmp_path_factory.mktemp("readme")
    return run_script(script.replace(":8000", f":{port}"), folder, {"TALKMETER_PORT": port}).split(MARK)


def shown(place: int) -> Json:
    """The JSON that the README shows."""
    block: Json = json.loads(README.section("A first event").blocks("json")[place])
    return block


def test_the_receipt_of_the_first_event_is_the_one_shown(answers: list[str]) -> None:
    assert json.loads(answers[1]) == shown(0)


def test_the_event_sent_again_is_a_duplicate(answers: list[str]) -> None:
    assert json.loads(answers[2]) == {**shown(0), "accepted": 0, "duplicate": 1}


def test_the_summary_is_the_one_shown(answers: list[str]) -> None:
    answer = json.loads(answers[3])

    assert {name: answer.get(name) for name in shown(1)} == shown(1)


def test_the_terminal_prints_the_same_figures(answers: list[str]) -> None:
    assert json.loads(answers[4]) == json.loads(answers[3])


def test_the_command_of_the_summary_is_the_one_that_was_run() -> None:
    assert "talkmeter summary --org acme --from 2026-11-22 --to 2026-11-23" in README.code()
