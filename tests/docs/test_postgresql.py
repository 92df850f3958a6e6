"""The roles in docs/how-to/postgresql.md work on a fresh cluster: migrate as the owner, serve as the other role."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import local_http
from tests.docs.clusters import Cluster, fresh_cluster
from tests.docs.documents import read
from tests.docs.shell import run_script
from tests.events import conversation
from tests.servers import running_server

HOST = "db.example.com"
SET_UP = read("docs/how-to/postgresql.md").section("Set it up")
ROLES, DEFAULTS, EXISTING_TABLES = SET_UP.blocks("sql")
OWNER_FILE, SERVER_FILE, MIGRATE, ADDRESS = SET_UP.blocks("sh")


@pytest.fixture
def cluster(memory: Path) -> Iterator[Cluster]:
    """A cluster that nothing was done with."""
    with fresh_cluster(memory) as cluster:
        yield cluster


def run_sql(cluster: Cluster, database: str, block: str) -> None:
    """Run the statements of a block as the superuser, one by one, as psql does."""
    with cluster.superuser(database) as connection:
        for statement in filter(str.strip, block.split(";")):
            connection.execute(statement.encode())


def as_servers(cluster: Cluster, password: str | None) -> "psycopg.Connection[tuple[object, ...]]":
    """Return a connection of the servers' role."""
    return psycopg.connect(host=cluster.socket, user="talkmeter", dbname="usage", password=password)


def migrate(cluster: Cluster, folder: Path) -> str:
    """Do the steps of the page after those of the superuser; return the address of the servers."""
    steps = "".join(cluster.here(step, HOST) for step in (OWNER_FILE, SERVER_FILE, MIGRATE, ADDRESS))
    printed = run_script(steps, folder, {})
    assert "schema" in printed
    _, address = (folder / ".env").read_text().strip().split("=", 1)
    return address.replace("passfile=", f"passfile={folder}/")


def test_roles_of_the_page_migrate_and_serve(cluster: Cluster, tmp_path: Path) -> None:
    run_sql(cluster, "postgres", ROLES)
    run_sql(cluster, "usage", DEFAULTS)
    address = migrate(cluster, tmp_path)

    with running_server(tmp_path, database_url=address) as server:
        server.cli("orgs", "add", "acme")
        key = server.cli("keys", "add", "--org", "acme", "--role", "admin")
        headers = {"Authorization": f"Bearer {key}"}
        sent = local_http.post(f"{server.url}/metering/events", json=[conversation()], headers=headers)
        assert sent.json()["accepted"] == 1
        assert "1 organization verified" in server.cli("verify")


def test_role_of_the_servers_cannot_change_tables_or_do_without_its_password(cluster: Cluster, tmp_path: Path) -> None:
    run_sql(cluster, "postgres", ROLES)
    run_sql(cluster, "usage", DEFAULTS)
    migrate(cluster, tmp_path)

    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        as_servers(cluster, None)
    with as_servers(cluster, "replace-me-too") as connection:
        for statement in (
            "ALTER TABLE conversation ADD COLUMN x int",
            "DROP TABLE conversation",
            "CREATE TABLE x (y int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        as_servers(cluster, "replace-me")


def test_tables_that_exist_are_granted_by_the_last_statement(cluster: Cluster, tmp_path: Path) -> None:
    run_sql(cluster, "postgres", ROLES)
    address = migrate(cluster, tmp_path).replace("postgresql://", "").partition("?")[0]
    assert address == "talkmeter@/usage"

    with as_servers(cluster, "replace-me-too") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT count(*) FROM conversation")
    run_sql(cluster, "usage", EXISTING_TABLES)
    with as_servers(cluster, "replace-me-too") as connection:
        assert connection.execute("SELECT count(*) FROM conversation").fetchone() == (0,)
