"""The check behind readiness passes while another process writes for longer than a transaction waits."""

import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from talkmeter.db.engine import open_engine
from talkmeter.db.migrate import migrate
from talkmeter.db.write_check import WriteCheck
from talkmeter.errors import Unavailable


def test_check_passes_beside_a_long_write_of_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkmeter.db.sqlite.BUSY_TIMEOUT_SEC", 0.2)
    monkeypatch.setattr("talkmeter.db.write_check.CHECK_EVERY_SEC", 0.01)
    url = f"sqlite:///{tmp_path / 'talkmeter.db'}"
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "talkmeter.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        check = WriteCheck(url)
        age, later_checks = _first_result(check), 0
        while later_checks < 2:
            threading.Event().wait(0.05)
            before, age = age, check.require_passed()
            later_checks += age < before
        other.execute("ROLLBACK")
    check.close()


def _first_result(check: WriteCheck) -> float:
    """Wait for the first check; return its age in seconds."""
    with suppress(Unavailable):
        return check.require_passed()
    threading.Event().wait(0.05)
    return _first_result(check)
