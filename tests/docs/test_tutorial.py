"""The tutorial's commands work as written, in order, and print what the tutorial shows."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.documents import TUTORIAL
from tests.docs.shell import run_steps_with_server
from tests.servers import free_port

SIGN_IN = """\
curl --fail http://127.0.0.1:8000/session -H 'Sec-Fetch-Site: same-origin' -H 'Content-Type: application/json' \\
  --data "{\\"link\\": \\"$(talkmeter link --org acme | cut -d= -f2)\\"}"
"""


class Output(NamedTuple):
    """The stdout of each step of the tutorial."""

    receipt: str
    link: str
    session: str
    summary_before: str
    second_receipt: str
    summary_after: str
    records: str
    receipts_again: str
    verified: str


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    folder: Path = tmp_path_factory.mktemp("tutorial")
    start, first, link, before, second, after, records, again, verify = TUTORIAL.blocks("sh")
    steps = [first, link, SIGN_IN, before, second, after, records, again, verify]
    return Output(*run_steps_with_server(start, steps, folder, free_port()))


def test_receipt_of_the_first_event_is_as_shown(output: Output) -> None:
    assert json.loads(output.receipt) == json.loads(TUTORIAL.blocks("json")[0])


def test_link_opens_the_page_of_the_organization(output: Output) -> None:
    assert re.fullmatch(r"http://127.0.0.1:\d+/organization/usage#sign-in=\S+\n?", output.link)
    assert json.loads(output.session)["organizations"] == [{"id": "acme", "name": "Acme Ltd"}]


def test_call_in_progress_has_no_minutes_yet(output: Output) -> None:
    assert "0.00 in 1 voice calls" in output.summary_before


def test_second_event_changes_the_figures_to_those_shown(output: Output) -> None:
    shown = json.loads(TUTORIAL.blocks("json")[1])
    answer = json.loads(output.summary_after)

    assert json.loads(output.second_receipt)["accepted"] == 1
    assert {name: answer.get(name) for name in shown} == shown


def test_opened_figure_shows_its_records_and_their_history(output: Output) -> None:
    listed, history = output.records.split("\nconversation call-1", 1)

    assert listed.splitlines()[-1] + "\n" == TUTORIAL.blocks("text")[0]
    assert history.count("event-1") == history.count("event-2") == 1


def test_events_sent_again_change_nothing(output: Output) -> None:
    first, second = re.findall(r"\{.*?\}", output.receipts_again)

    assert json.loads(first)["stale"] == 1
    assert json.loads(second)["duplicate"] == 1
    assert output.verified.rstrip() + "\n" == TUTORIAL.blocks("text")[1]
