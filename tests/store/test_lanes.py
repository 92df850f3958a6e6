"""The lanes of the writer: organizations share transactions, and none fails or delays another."""

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import pytest
from sqlalchemy import text

from talkmeter.db.engine import transaction
from talkmeter.errors import Unavailable
from talkmeter.ledger.batch import BatchResult
from talkmeter.ledger.writer import LANES, Writer
from tests.citus_plugin import TEST_STATEMENT
from tests.events import Json, conversation
from tests.postgres import engine_for
from tests.store.ledger import Ledger, make_batches

TIMEOUT_SEC = 60


def write(writer: Writer, *org_ids: str, id_: str = "call-1") -> list[BatchResult]:
    """Write the same call for each organization, as one request, and return the results."""
    calls = [{**conversation(id_, organization_id=org_id), "id": id_} for org_id in org_ids]
    return [future.result(TIMEOUT_SEC) for future in writer.submit(make_batches(*calls, org_id=None))]


def calls_of(org_id: str, number: int) -> list[Json]:
    """Return calls of an organization."""
    return [conversation(f"other-{index}", organization_id=org_id) for index in range(number)]


def same_lane(org_id: str) -> str:
    """Return another organization of the same lane."""
    lane = crc32(org_id.encode()) % LANES
    return next(f"org-{n}" for n in range(1_000) if crc32(f"org-{n}".encode()) % LANES == lane)


@contextmanager
def locked_organization(ledger: Ledger, org_id: str) -> Iterator[None]:
    """Lock an organization's row from another session."""
    with engine_for(ledger.url) as engine, transaction(engine) as other:
        statement = text("SELECT org_id FROM organization WHERE org_id = :org FOR UPDATE")
        other.execute(statement, {"org": org_id}, execution_options=TEST_STATEMENT)
        yield


def test_a_request_for_many_organizations_has_a_result_for_each(ledger: Ledger) -> None:
    with ledger.writer() as writer:
        results = write(writer, *(f"org-{number}" for number in range(50)))

    assert [result.accepted for result in results] == [1] * 50
    assert all(ledger.verify(f"org-{number}") == [] for number in range(50))


def test_organizations_with_the_same_ids_do_not_see_each_other(ledger: Ledger) -> None:
    with ledger.writer() as writer:
        write(writer, "a", "b", "c")
        again = write(writer, "a", "b", "d")

    assert [(result.accepted, result.duplicate) for result in again] == [(0, 1), (0, 1), (1, 0)]
    assert [ledger.summary(org_id=org_id).total_calls for org_id in "abcd"] == [1] * 4


NOT_UTF8 = "UPDATE conversation SET source = CAST(x'ff61' AS TEXT) WHERE org_id = 'damaged'"
UNKNOWN_CHANNEL = "UPDATE conversation SET channel = 'fax' WHERE org_id = 'damaged'"


@pytest.mark.parametrize(
    ("ledger", "damage"),
    [("sqlite", UNKNOWN_CHANNEL), ("postgresql", UNKNOWN_CHANNEL), ("sqlite", NOT_UTF8)],
    indirect=["ledger"],
)
def test_a_damaged_row_fails_the_batches_of_its_organization_only(ledger: Ledger, damage: str) -> None:
    other = same_lane("damaged")
    with ledger.writer() as writer:
        write(writer, "damaged", other)
        ledger.damage(damage)
        with ledger.locked() as holder:
            futures = [
                *writer.submit(make_batches(conversation("call-1", status="failed"), org_id="damaged")),
                *writer.submit(make_batches(conversation("call-2"), org_id=other)),
                *writer.submit(make_batches(conversation("call-2"), org_id="damaged")),
            ]
            holder.rollback()
        outcomes = [future.exception(TIMEOUT_SEC) for future in futures]

    assert outcomes[0] is not None
    assert outcomes[1:] == [None, None]
    assert ledger.summary(org_id=other).total_calls == 2


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_a_locked_organization_delays_no_other_lane_and_fails_no_other(ledger: Ledger) -> None:
    neighbour = same_lane("locked")
    far = next(f"far-{n}" for n in range(100) if crc32(f"far-{n}".encode()) % LANES != crc32(b"locked") % LANES)
    with ledger.writer() as writer:
        write(writer, "locked", neighbour, far)
        with locked_organization(ledger, "locked"):
            [waiting] = writer.submit(make_batches(conversation("call-2"), org_id="locked"))
            [result] = write(writer, far, id_="call-2")
            assert result.accepted == 1
            assert not waiting.done()
            # The neighbour shares the lane: it waits for the lock to time out, and is then written alone.
            [shared] = write(writer, neighbour, id_="call-2")
            assert shared.accepted == 1
            with pytest.raises(Unavailable, match="The database is busy"):
                waiting.result(TIMEOUT_SEC)
        [after] = write(writer, "locked", id_="call-3")

    assert after.accepted == 1


def test_a_missing_row_of_the_directory_is_added_by_the_next_process(ledger: Ledger) -> None:
    with ledger.writer() as writer:
        write(writer, "acme")
    ledger.damage("DELETE FROM organization_directory WHERE org_id = 'acme'")

    with ledger.writer() as writer:
        assert write(writer, "acme")[0].duplicate == 1

    assert ledger.rows("SELECT org_id FROM organization_directory") == [("acme",)]


def test_an_organization_is_in_the_directory_before_its_first_event(ledger: Ledger) -> None:
    with ledger.executed() as statements, ledger.writer() as writer:
        write(writer, "acme")
    order = [statement for statement in statements if statement.startswith(("BEGIN", "INSERT INTO organization"))]

    assert [words[2] for words in map(str.split, order) if words[0] == "INSERT"] == [
        *("organization_directory", "organization", "organization")
    ]


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_organizations_of_one_waiting_lane_do_not_fill_the_queue_of_the_others(ledger: Ledger) -> None:
    neighbour = same_lane("locked")
    far = next(f"far-{n}" for n in range(100) if crc32(f"far-{n}".encode()) % LANES != crc32(b"locked") % LANES)
    with ledger.writer(max_events=20) as writer:
        write(writer, "locked", neighbour, far)
        with locked_organization(ledger, "locked"):
            waiting = [
                *writer.submit(make_batches(*calls_of("locked", 6), org_id=None)),
                *writer.submit(make_batches(*calls_of(neighbour, 4), org_id=None)),
            ]
            with pytest.raises(Unavailable, match="A lane of the write queue is full"):
                writer.submit(make_batches(*calls_of(neighbour, 1), org_id=None))
            assert write(writer, far, id_="call-2")[0].accepted == 1
        assert all(future.exception(TIMEOUT_SEC) is None for future in waiting)
