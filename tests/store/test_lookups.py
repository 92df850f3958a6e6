"""Look-ups of credentials and connectors end in time, also those that wait for a thread."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from talkmeter.api.service import LOOKUP_THREADS, Service
from talkmeter.db.engine import Connection, open_engine
from talkmeter.db.migrate import migrate
from talkmeter.errors import Unavailable
from talkmeter.settings import load_settings
from tests.event_loop import run_coroutine


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with an empty database, whose look-ups may take 0.2 seconds."""
    monkeypatch.setattr("talkmeter.api.service.LOOKUP_TIMEOUT_SEC", 0.2)
    url = f"sqlite:///{tmp_path / 'talkmeter.db'}"
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return Service(load_settings(database_url=url))


def _one(connection: Connection) -> int:
    number: int = connection.execute(text("SELECT 1")).scalar_one()
    return number


def test_lookup_that_waits_for_busy_threads_ends_in_time(service: Service) -> None:
    resume = threading.Event()

    def wait(_: Connection) -> None:
        resume.wait()

    async def scenario() -> None:
        busy = [asyncio.create_task(service.look_up(wait)) for _ in range(LOOKUP_THREADS)]
        late = asyncio.create_task(service.look_up(_one))
        for task in (*busy, late):
            with pytest.raises(Unavailable, match="The database did not answer in time; retry shortly"):
                await task
        resume.set()
        assert await service.look_up(_one) == 1

    run_coroutine(scenario())
    service.close()


def test_endless_statement_of_a_lookup_is_interrupted(service: Service) -> None:
    endless = "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter) SELECT count(*) FROM counter"

    async def scenario() -> None:
        for _ in range(LOOKUP_THREADS + 1):
            with pytest.raises(Unavailable):
                await service.look_up(lambda connection: connection.execute(text(endless)))
        assert await service.look_up(_one) == 1

    run_coroutine(scenario())
    service.close()
