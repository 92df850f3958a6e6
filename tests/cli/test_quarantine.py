"""`talkmeter quarantine`: events are listed, shown, replayed and dropped."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.events import Json, conversation

UNKNOWN_STATUS = conversation("call-1", organization_id="acme", status="exploded")
WITHOUT_ORGANIZATION = conversation("call-2")
KNOWN_FIELDS = {"id": "call-1", "organization_id": "acme", "status": "exploded", "channel": "telephone"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that quarantined an event of acme, seen twice, and one without an organization."""
    terminal = Terminal(tmp_path_factory.mktemp("filled"))
    terminal.run("ingest", terminal.file("events.jsonl", UNKNOWN_STATUS, WITHOUT_ORGANIZATION, UNKNOWN_STATUS))
    return terminal.database


@pytest.fixture
def quarantined(terminal: Terminal, filled: Path) -> Terminal:
    """A terminal with a copy of that database."""
    shutil.copy(filled, terminal.database)
    return terminal


def ids_of(terminal: Terminal) -> dict[str, str]:
    """Return the ids of quarantined events by organization."""
    return dict(terminal.rows("SELECT org_id, lower(hex(hash)) FROM quarantine"))


def correct(terminal: Terminal, org_id: str, **fields: object) -> None:
    """Change data fields of a quarantined event, as if this version understood it."""
    ((kept,),) = terminal.rows("SELECT kept_fields FROM quarantine WHERE org_id = ?", org_id)
    event: Json = json.loads(kept)
    data = event["data"]
    assert isinstance(data, dict)
    changed = json.dumps({**event, "data": {**data, **fields}}).encode()
    terminal.change("UPDATE quarantine SET kept_fields = ? WHERE org_id = ?", changed, org_id)


def test_events_are_listed_with_reason_and_number_of_times_seen(quarantined: Terminal) -> None:
    ids = ids_of(quarantined)

    lines = [line.split("\t") for line in quarantined.run("quarantine", "list").splitlines()]

    assert [line[:4] for line in lines] == [
        [ids[""], "-", "missing_organization", "1x"],
        [ids["acme"], "acme", "invalid_data", "2x"],
    ]
    assert lines[1][4].startswith("data.status: invalid enum value 'exploded'")
    of_acme = quarantined.run("quarantine", "list", "--org", "acme")
    assert of_acme.splitlines() == ["\t".join(lines[1])]


def test_show_prints_everything_that_is_stored(quarantined: Terminal) -> None:
    printed = quarantined.run("quarantine", "show", ids_of(quarantined)["acme"])

    facts, fields = printed.split("known fields")
    assert "organization  acme" in facts
    assert "reason        invalid_data: data.status" in facts
    assert "seen          2 times" in facts
    assert KNOWN_FIELDS.items() <= json.loads(fields)["data"].items()


def test_replay_counts_valid_events_and_keeps_the_others(quarantined: Terminal) -> None:
    correct(quarantined, "acme", status="completed")

    printed = quarantined.run("quarantine", "replay").splitlines()

    assert printed[-1] == "1 replayed, 1 left in quarantine."
    assert printed[0].startswith(f"{ids_of(quarantined)['']}\tnot replayed: ")
    assert list(ids_of(quarantined)) == [""]
    assert quarantined.rows("SELECT org_id, id, status FROM conversation") == [("acme", "call-1", "completed")]


def test_replay_of_one_event_does_not_touch_the_others(quarantined: Terminal) -> None:
    correct(quarantined, "acme", status="completed")
    correct(quarantined, "", organization_id="acme")

    assert quarantined.run("quarantine", "replay", ids_of(quarantined)["acme"]).startswith("1 replayed")
    assert list(ids_of(quarantined)) == [""]


def test_replay_rejects_an_event_that_names_another_organization(quarantined: Terminal) -> None:
    correct(quarantined, "acme", status="completed", organization_id="victim")

    printed = quarantined.run("quarantine", "replay", ids_of(quarantined)["acme"])

    assert "sends for another organization" in printed
    assert printed.endswith("0 replayed, 1 left in quarantine.")
    assert quarantined.rows("SELECT * FROM conversation") == []


def test_replay_never_counts_an_event_without_an_organization(quarantined: Terminal) -> None:
    printed = quarantined.run("quarantine", "replay", ids_of(quarantined)[""])

    assert printed.endswith("0 replayed, 1 left in quarantine.")
    assert quarantined.rows("SELECT * FROM conversation") == []
    assert "" in ids_of(quarantined)


def test_replay_rejects_an_event_with_truncated_fields(quarantined: Terminal) -> None:
    correct(quarantined, "acme", status="completed")
    quarantined.change("UPDATE quarantine SET complete = 0 WHERE org_id = 'acme'")

    printed = quarantined.run("quarantine", "replay", ids_of(quarantined)["acme"])

    assert "Its fields were truncated; the sender must send it again." in printed
    assert quarantined.rows("SELECT * FROM conversation") == []


def test_replay_says_why_the_database_rejects_an_event(quarantined: Terminal) -> None:
    correct(quarantined, "acme", status="completed")
    with closing(sqlite3.connect(quarantined.database)) as connection:
        connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON conversation BEGIN SELECT RAISE(ABORT, ''); END")
    id_ = ids_of(quarantined)["acme"]

    printed = quarantined.run("quarantine", "replay", id_).splitlines()

    assert printed == [
        f"{id_}\tnot replayed: The database rejected the data of this event. Correct the event and send it again.",
        "0 replayed, 1 left in quarantine.",
    ]
    assert "acme" in ids_of(quarantined)


def test_drop_deletes_an_event(quarantined: Terminal) -> None:
    id_ = ids_of(quarantined)["acme"]

    assert quarantined.run("quarantine", "drop", id_) == "1 dropped."
    assert list(ids_of(quarantined)) == [""]
    assert quarantined.error("quarantine", "replay", id_) == (
        f"No event '{id_}' in quarantine; 'talkmeter quarantine list' shows the ids."
    )
