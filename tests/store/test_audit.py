"""The audit log: entries are read newest first, by organization and instant."""

from contextlib import suppress

from talkmeter.db.audit import MAX_DETAIL, Action, Actor, read_audit, record_audit
from talkmeter.db.engine import reading, writing
from tests.store.ledger import Ledger

ROOT = Actor("operator", "root")


def subjects(ledger: Ledger, org_id: str | None = None, since: int = 0, limit: int = 10) -> list[str]:
    with reading(ledger.engine) as connection:
        return [entry.subject for entry in read_audit(connection, org_id, since, limit)]


def test_entries_are_filtered_and_newest_first(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        for at, org_id in ((1, "acme"), (3, "bolt"), (2, None), (4, "acme")):
            record_audit(connection, ROOT, Action.KEY_ADD, f"key {at}", at, org_id=org_id)

    assert subjects(ledger) == ["key 4", "key 3", "key 2", "key 1"]
    assert subjects(ledger, "acme") == ["key 4", "key 1"]
    assert subjects(ledger, since=3) == ["key 4", "key 3"]
    assert subjects(ledger, "acme", since=2) == ["key 4"]
    assert subjects(ledger, limit=1) == ["key 4"]


def test_entry_disappears_with_the_change_that_is_rolled_back(ledger: Ledger) -> None:
    with suppress(ZeroDivisionError), writing(ledger.engine) as connection:
        record_audit(connection, ROOT, Action.KEY_ADD, "key", 1)
        1 / 0  # noqa: B018  an error in the transaction

    assert subjects(ledger) == []


def test_long_detail_is_cut(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        record_audit(connection, ROOT, Action.KEY_ADD, "key", 1, detail="x" * 1_000)
    with reading(ledger.engine) as connection:
        [entry] = read_audit(connection, None, 0, 10)

    assert entry.detail == "x" * MAX_DETAIL
    assert (entry.actor_kind, entry.actor_id, entry.action) == ("operator", "root", Action.KEY_ADD)
