"""What was pushed to Stripe, and its customers."""

from talkmeter.billing.push_store import (
    StatementPush,
    read_customer,
    read_pushes,
    set_customer,
    store_push,
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
