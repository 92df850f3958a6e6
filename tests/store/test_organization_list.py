"""The list of all organizations on every database: days, silent connectors, quarantine, and the organizations shown."""

from typing import Any

from talkmeter import clock
from talkmeter.billing.organization_list import OrganizationList, read_organizations, read_organizations_query
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.ledger.closing import begin_merge, finish_merge
from talkmeter.ledger.merge import merge_usage
from talkmeter.ledger.organizations import add_organization
from talkmeter.period import MICROSECONDS_PER_DAY, present
from tests.events import conversation
from tests.store.ledger import Ledger
from tests.store.test_connectors import LAST_DAY, LAST_MESSAGE, add_messages, connect


def listed(ledger: Ledger, **parameters: Any) -> OrganizationList:
    """Return a page of the list two days after the last message of connectors, in March 2026."""
    query = read_organizations_query(
        {name.rstrip("_"): value for name, value in parameters.items()},
        present(LAST_MESSAGE + 2 * MICROSECONDS_PER_DAY, 24),
    )
    with reading(ledger.engine) as connection:
        return read_organizations(connection, query, "key")


def calls(page: OrganizationList) -> dict[str, int]:
    return {row.organization_id: row.total_calls for row in page.organizations}


def test_months_and_days_add_up_to_the_same_figures(ledger: Ledger) -> None:
    ledger.send(*(conversation(f"a{day}", created_at=f"2026-03-{day:02}T10:00:00Z") for day in (1, 2, 9)))
    ledger.send(conversation("b", created_at="2026-03-02T10:00:00Z"), org_id="globex")
    ledger.send(conversation("c", created_at="2026-02-28T10:00:00Z"), org_id="globex")

    assert calls(listed(ledger)) == {"acme": 3, "globex": 1}
    assert calls(listed(ledger, from_="2026-03-02", to="2026-04-01")) == {"acme": 2, "globex": 1}
    assert calls(listed(ledger, from_="2026-02-01", to="2026-04-01")) == {"acme": 3, "globex": 2}
    assert [row.change.change for row in listed(ledger).organizations if row.change] == [3, 1]


def test_silent_connectors_and_quarantined_events_are_counted(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        add_organization(connection, "globex", None, 0)
    ledger.send(conversation("bad", status="exploded"))
    silent, busy, other = connect(ledger), connect(ledger), connect(ledger, "globex")
    add_messages(ledger, silent, *range(LAST_DAY - 6, LAST_DAY + 1))
    add_messages(ledger, busy, *range(LAST_DAY - 4, LAST_DAY + 3))
    add_messages(ledger, other, LAST_DAY)

    found = {row.organization_id: (row.silent_connectors, row.quarantined) for row in listed(ledger).organizations}
    assert found == {"acme": (1, 1), "globex": (0, 0)}


def test_merged_organization_is_not_listed(ledger: Ledger) -> None:
    operator = Actor("operator", "root")
    ledger.send(conversation("a", created_at="2026-03-01T10:00:00Z"))
    ledger.send(conversation("b", created_at="2026-03-02T10:00:00Z"), org_id="old")
    with writing(ledger.engine) as connection:
        begin_merge(connection, "old", "acme", operator, clock.now())
    assert calls(listed(ledger)) == {"acme": 1, "old": 1}
    for _ in merge_usage(ledger.engine, "old", "acme"):
        assert listed(ledger).totals.total_calls == 2
    with writing(ledger.engine) as connection:
        finish_merge(connection, "old", "acme", operator, clock.now())
    assert calls(listed(ledger)) == {"acme": 2}
