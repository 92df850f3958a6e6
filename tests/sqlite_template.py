"""New SQLite databases, copied from one that is migrated once: migrations take longer than most tests."""

import secrets
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from talkmeter.db.engine import open_engine
from talkmeter.db.meta import DATABASE_ID
from talkmeter.db.migrate import migrate


def copy_ledger_template(url: str) -> None:
    """Create the SQLite file of a URL, with its own database id. Do nothing if it exists or the URL is another one."""
    address = make_url(url)
    if address.drivername != "sqlite" or not address.database:
        return
    file = Path(address.database)
    if not file.is_absolute() or file.exists() or not file.parent.is_dir():
        return
    file.write_bytes(_template())
    with closing(sqlite3.connect(file)) as connection, connection:
        changed = connection.execute("UPDATE meta SET value = ? WHERE name = ?", (secrets.token_hex(16), DATABASE_ID))
        assert changed.rowcount == 1


@cache
def _template() -> bytes:
    with TemporaryDirectory(prefix="talkmeter-") as folder:
        file = Path(folder) / "template.db"
        engine = open_engine(f"sqlite:///{file}")
        migrate(engine)
        engine.dispose()
        return file.read_bytes()
