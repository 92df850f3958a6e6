"""A fresh PostgreSQL cluster whose roles need a password, as operators have it, for the commands of the documents."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg
from sqlalchemy.engine import make_url

from tests.postgres import startable_server

_AUTHENTICATION = "local all postgres trust\nlocal all all scram-sha-256\n"
"""Only the superuser needs no password, as `peer` has it for the user `postgres` of the machine."""


class Cluster(NamedTuple):
    """A running cluster, which listens on a Unix socket in `socket` only."""

    socket: str
    programs: Path
    """The folder of `psql` and `pg_dump`."""

    def superuser(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection of the superuser, in autocommit mode."""
        return psycopg.connect(host=self.socket, user="postgres", dbname=database, autocommit=True)

    def here(self, text: str, host: str) -> str:
        """Return commands that name a host, with the socket in its place: in addresses and in password files."""
        local = re.sub(rf"@{re.escape(host)}/(\w+)\?", rf"@/\1?host={self.socket}&", text)
        return local.replace(f"{host}:5432:", f"{self.socket}:5432:")


@contextmanager
def fresh_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a new cluster in a new folder; stop and delete it at the end."""
    with TemporaryDirectory(dir=folder, prefix="fresh-") as own, startable_server(Path(own)) as server:
        (server.pgdata / "pg_hba.conf").write_text(_AUTHENTICATION)
        address = make_url(server.get_uri())
        cluster = Cluster(str(address.query["host"]), server.bin_path)
        with cluster.superuser() as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield cluster
