"""What was pushed to Stripe, its customers, and the lease that allows one push at a time."""

from talkmeter.billing.push_store import (
    LEASE_SEC,
    StatementPush,
    lease_end,
    read_customer,
    read_pushes,
    release_lease,
    renew_lease,
    set_customer,
    store_push,
    take_lease,
)
from talkmeter.db.engine import reading, writing
from tests.store.ledger import Ledger

NOW = 1_800_000_000_000_000
MONTH = 24_315
PENDING = StatementPush("acme", MONTH, 0, "fee", "test", "cus_1", "hash", None, NOW)


def test_pushes_are_read_by_month_and_mode(ledger: Ledger) -> None:
    created = PENDING._replace(item_id="ii_1", changed_at=NOW + 1)
    others = [PENDING._replace(month=MONTH + 1), PENDING._replace(mode="live"), PENDING._replace(org_id="globex")]
    with writing(ledger.engine) as connection:
        for push in (PENDING, PENDING._replace(number=1), *others):
            store_push(connection, push)
        assert read_pushes(connection, "acme", MONTH, "test")[0, "fee"] == PENDING
    with writing(ledger.engine) as connection:
        store_push(connection, created)

    with reading(ledger.engine) as connection:
        assert read_pushes(connection, "acme", MONTH, "test") == {
            (0, "fee"): created,
            (1, "fee"): PENDING._replace(number=1),
        }


def test_customer_is_stored_for_each_organization(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        set_customer(connection, "acme", "cus_1")
        set_customer(connection, "acme", "cus_2")

    with reading(ledger.engine) as connection:
        assert (read_customer(connection, "acme"), read_customer(connection, "globex")) == ("cus_2", None)


def test_lease_is_taken_by_one_until_it_expires_or_is_released(ledger: Ledger) -> None:
    end = NOW + LEASE_SEC * 1_000_000
    with writing(ledger.engine) as connection:
        assert take_lease(connection, "first", NOW)
        assert lease_end(connection) == end
        assert not take_lease(connection, "second", end - 1)
        assert not renew_lease(connection, "second", end - 1)
        assert renew_lease(connection, "first", NOW + 5)
        assert not take_lease(connection, "second", end)
        assert take_lease(connection, "second", end + 5)
        # The first was too slow.
        assert not renew_lease(connection, "first", end + 5)
        release_lease(connection, "first")
        assert not take_lease(connection, "third", end + 6)
        release_lease(connection, "second")
        assert take_lease(connection, "third", end + 6)
