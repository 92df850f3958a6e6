"""`keys list` shows on which day a key was last used; the day is stored once, after the request."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from tests import local_http
from tests.faults.locks import write_lock
from tests.servers import Server, running_server, wait_until

SCOPES = "/admin/members/me/scopes"


def line_of(server: Server, key: str) -> list[str]:
    """Return the columns of a key in the list."""
    credential_id = key.partition(".")[0]
    (line,) = [line for line in server.cli("keys", "list").splitlines() if line.startswith(credential_id)]
    return line.split("\t")


def use(server: Server, key: str) -> int:
    return local_http.get(f"{server.url}{SCOPES}", headers={"Authorization": f"Bearer {key}"}).status_code


def test_key_is_listed_with_the_day_of_its_last_use(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        key = server.key("acme")
        today = datetime.now(UTC).date().isoformat()
        assert line_of(server, key)[3:6] == [today, "never expires", "never used"]

        assert use(server, key) == 200
        wait_until(lambda: line_of(server, key)[5] == f"used {today}")


def test_rejected_key_is_not_used(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        key = server.key("acme")

        assert use(server, key + "x") == 401

    assert line_of(server, key)[5] == "never used"


def test_use_is_written_once_a_day_and_the_request_does_not_wait(tmp_path: Path) -> None:
    def changes() -> int:
        with closing(sqlite3.connect(tmp_path / "talkmeter.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM change").fetchone()[0])

    with running_server(tmp_path) as server:
        key = server.key("acme")
        with closing(sqlite3.connect(tmp_path / "talkmeter.db")) as connection, connection:
            connection.execute("CREATE TABLE change (day)")
            for event in ("INSERT", "UPDATE"):
                action = f"AFTER {event} ON credential_use BEGIN INSERT INTO change VALUES (1); END"
                connection.execute(f"CREATE TRIGGER on_{event} {action}")
        with write_lock(server.environment["TALKMETER_DATABASE_URL"], "acme"):
            # The request is answered although nothing can be written.
            assert use(server, key) == 200
        wait_until(lambda: changes() == 1)
        assert [use(server, key) for _ in range(5)] == [200] * 5

    assert changes() == 1
