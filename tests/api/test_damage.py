"""A damaged row over HTTP: a general sentence, the table in the log, and everything else goes on."""

import json
import sqlite3
from contextlib import closing
from typing import Final

import pytest

from tests.api.organizations import OrganizationClient
from tests.events import conversation
from tests.servers import Server

SENTENCE: Final = (
    "Stored data that this request needs is damaged, so it cannot be answered. Ask the operator of this server; its "
    "log has the reason."
)
WINDOW: Final = {"from": "2026-03-01", "to": "2026-03-02"}
EXPORT: Final = {"of": "records", **WINDOW}


def damage(server: Server, statement: str, *parameters: str) -> None:
    with closing(sqlite3.connect(server.folder / "talkmeter.db")) as connection, connection:
        assert connection.execute(statement, parameters).rowcount == 1


@pytest.fixture
def damaged(org: OrganizationClient, server: Server) -> OrganizationClient:
    """An organization with a damaged call and a whole one."""
    org.send(conversation("secret-call"), conversation("whole-call"))
    damage(server, "UPDATE conversation SET status = x'00' WHERE org_id = ? AND id = 'secret-call'", org.id)
    return org


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/admin/usage/records", {"kind": "conversation", **WINDOW}),
        ("/admin/usage/records/conversation/secret-call", {}),
        ("/admin/usage/export", EXPORT),
    ],
)
def test_answer_that_needs_a_damaged_row_is_a_general_sentence(
    damaged: OrganizationClient, server: Server, path: str, parameters: dict[str, str]
) -> None:
    logged = len(server.log())

    answer = damaged.client.get(path, params=parameters)

    assert (answer.status_code, answer.json()["detail"]) == (500, SENTENCE)
    line = json.loads(server.log()[logged:].splitlines()[0])
    assert line["detail"] == "Stored data is damaged: conversation; 'talkmeter verify' names the rows."
    assert "secret-call" not in server.log()[logged:]


def test_answers_that_need_no_damaged_row_go_on(damaged: OrganizationClient) -> None:
    assert damaged.calls() == 2
    assert damaged.client.get("/admin/usage/records/conversation/whole-call").is_success
    assert damaged.client.get("/admin/usage/breakdown", params={"by": "status", **WINDOW}).is_success
    assert damaged.client.get("/admin/usage/export", params={"of": "daily", **WINDOW}).is_success


def test_event_of_a_damaged_record_is_refused_and_others_are_stored(damaged: OrganizationClient) -> None:
    refused = damaged.post(json.dumps([conversation("secret-call", duration=1)]).encode())
    assert (refused.status_code, refused.json()["detail"]) == (500, SENTENCE)
    assert damaged.send(conversation("whole-call", duration=1), conversation("new-call"))["accepted"] == 2
    assert damaged.calls() == 3


def test_repair_lets_a_running_server_go_on(damaged: OrganizationClient, server: Server) -> None:
    assert damaged.client.get("/admin/usage/export", params=EXPORT).status_code == 500

    with pytest.raises(Exception, match="verify"):
        server.cli("verify", "--org", damaged.id, "--repair")

    assert len(damaged.client.get("/admin/usage/export", params=EXPORT).text.splitlines()) == 3
    assert damaged.send(conversation("secret-call"))["accepted"] == 1
