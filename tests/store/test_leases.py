"""A lease is held by one process at a time."""

from functools import partial

from talkmeter.db.engine import writing
from talkmeter.db.lease import MAX_LEASE_SEC, is_expired, lease_end, release_lease, renew_lease, take_lease
from tests.store.ledger import Ledger

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
take = partial(take_lease, name="push", seconds=30)
renew = partial(renew_lease, name="push", seconds=30)


def test_lease_is_taken_by_one_until_it_expires_or_is_released(ledger: Ledger) -> None:
    end = NOW + 30 * SECOND
    with writing(ledger.engine) as connection:
        assert take(connection, holder="first", now=NOW)
        assert lease_end(connection, "push") == end
        assert [is_expired(connection, "push", now) for now in (end - 1, end)] == [False, True]
        assert not take(connection, holder="second", now=end - 1)
        assert not renew(connection, holder="second", now=end - 1)
        assert renew(connection, holder="first", now=NOW + 5)
        assert not take(connection, holder="second", now=end)
        assert take(connection, holder="second", now=end + 5)
        # The first was too slow.
        assert not renew(connection, holder="first", now=end + 5)
        release_lease(connection, "push", "first")
        assert not take(connection, holder="third", now=end + 6)
        release_lease(connection, "push", "second")
        assert lease_end(connection, "push") == 0
        assert take(connection, holder="third", now=end + 6)


def test_leases_of_other_names_are_independent(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        assert take(connection, holder="first", now=NOW)
        assert take(connection, name="budgets", holder="second", now=NOW)
        release_lease(connection, "push", "first")
        assert not take(connection, name="budgets", holder="first", now=NOW)


def test_lease_taken_with_a_clock_in_the_future_does_not_last_until_then(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        assert take(connection, holder="wrong clock", now=NOW + (MAX_LEASE_SEC + 1) * SECOND)
        assert is_expired(connection, "push", NOW)
        assert take(connection, holder="second", now=NOW)
        assert not renew(connection, holder="wrong clock", now=NOW)
