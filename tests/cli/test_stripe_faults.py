"""A push to Stripe that is cut off, killed or ended at any step: repeated, it bills nothing twice and omits nothing.

A push of one organization sends six requests: the look-up of the customer's items, and five items.
"""

import re
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import Connection, Engine, event

from tests.cli.closed_months import LINES, MONTH
from tests.cli.stripe_proxy import (
    CUT,
    Answer,
    Fault,
    Forward,
    StripeProxy,
    busy,
    cut_after,
    cut_before,
    error_before,
)
from tests.cli.terminal import Terminal
from tests.servers import TALKMETER

PUSH = ("statements", "push", "stripe", *MONTH)
PUSHED = sorted(LINES.items())
REQUESTS = range(1, 7)
WAIT_SEC = 60


def free_lease(terminal: Terminal) -> None:
    """Let the time pass in which no other push may begin."""
    terminal.change("UPDATE lease SET expires_at = 0")


def delete_rows(terminal: Terminal, table: str) -> None:
    """Delete all rows of a table."""
    with closing(sqlite3.connect(terminal.database)) as connection, connection:
        connection.execute(f"DELETE FROM {table}")


def start(terminal: Terminal) -> "subprocess.Popen[bytes]":
    """Start a push in a process."""
    return subprocess.Popen([TALKMETER, *PUSH], cwd=terminal.folder, env=terminal.environment, stderr=subprocess.PIPE)


def test_uninterrupted_push_sends_six_requests(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    closed.run(*PUSH)

    assert [request.method for request in stripe.requests] == ["GET", *["POST"] * 5]
    assert stripe.amounts(customer) == PUSHED


@pytest.mark.parametrize("keeps_keys", [True, False])
@pytest.mark.parametrize("fault", [cut_before, cut_after, busy])
def test_one_lost_request_or_answer_is_repaired_by_the_same_push(
    closed: Terminal, stripe: StripeProxy, fault: Fault, keeps_keys: bool
) -> None:
    for number in REQUESTS:
        customer = stripe.add_customer()
        closed.run("orgs", "stripe-customer", "acme", customer)
        delete_rows(closed, "statement_push")
        stripe.reset()
        stripe.keeps_keys = keeps_keys
        stripe.faults[number] = fault

        printed = closed.run(*PUSH)

        assert stripe.amounts(customer) == PUSHED, number
        numbers = re.findall(r"(\d+) (?:invoice items? created|found there)", printed)
        assert sum(map(int, numbers)) == len(PUSHED), printed


@pytest.mark.parametrize("fault", [cut_before, cut_after, error_before])
def test_push_gives_up_when_stripe_stays_away_and_continues_later(
    closed: Terminal, stripe: StripeProxy, customer: str, fault: Fault
) -> None:
    stripe.faults.update(dict.fromkeys(range(3, 30), fault))

    error = closed.error(*PUSH)

    assert error.startswith("Stripe could not be reached, or could not answer (")
    assert error.endswith(") 4 times. Run the command again: it continues with acme.")
    assert 1 <= len(stripe.amounts(customer)) < 5
    stripe.reset()
    stripe.forget_keys()
    closed.run(*PUSH)
    assert stripe.amounts(customer) == PUSHED


@pytest.mark.parametrize("created", [False, True])
@pytest.mark.parametrize("number", REQUESTS)
def test_push_killed_at_any_request_is_completed_by_the_next(
    closed: Terminal, stripe: StripeProxy, customer: str, number: int, created: bool
) -> None:
    pushing = threading.Event()

    def kill(forward: Forward) -> Answer:
        assert pushing.wait(WAIT_SEC)
        if created:
            forward()
        process.kill()
        process.wait(WAIT_SEC)
        return CUT

    stripe.faults[number] = kill
    with start(closed) as process:
        pushing.set()
        process.wait(WAIT_SEC)
    assert process.returncode == -9
    assert len(stripe.amounts(customer)) == number - 2 + created if number > 1 else True

    assert closed.error(*PUSH).startswith("Another push to Stripe is running. If it was killed, its place is free")
    free_lease(closed)
    stripe.forget_keys()
    stripe.reset()
    closed.run(*PUSH)

    assert stripe.amounts(customer) == PUSHED


class Crash(Exception):
    """Ends a push at a commit."""


@contextmanager
def crash_at_commit(number: int) -> Iterator[Callable[[], bool]]:
    """Raise Crash instead of a commit, the `number`th from now; yield a function that returns whether it did."""
    seen = 0

    def on_commit(_: Connection) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Crash

    event.listen(Engine, "commit", on_commit)
    try:
        yield lambda: seen >= number
    finally:
        event.remove(Engine, "commit", on_commit)


def test_push_that_fails_at_any_commit_is_completed_by_the_next(closed: Terminal, stripe: StripeProxy) -> None:
    number, crashed = 1, True
    while crashed:
        customer = stripe.add_customer()
        closed.run("orgs", "stripe-customer", "acme", customer)
        delete_rows(closed, "statement_push")
        with crash_at_commit(number) as has_crashed, suppress(Crash):
            closed.execute(*PUSH)
        crashed = has_crashed()
        stripe.forget_keys()
        if crashed:
            delete_rows(closed, "lease")
            closed.execute(*PUSH)

        assert stripe.amounts(customer) == PUSHED, number
        number += 1
    # Each of five lines is committed twice.
    assert number > 10


def test_second_push_at_the_same_time_is_refused(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold(forward: Forward) -> Answer:
        arrived.set()
        assert go_on.wait(WAIT_SEC)
        return forward()

    stripe.faults[3] = hold
    with start(closed) as process:
        assert arrived.wait(WAIT_SEC)
        error = closed.error(*PUSH)
        go_on.set()
        process.wait(WAIT_SEC)

    assert error.startswith("Another push to Stripe is running.")
    assert process.returncode == 0
    assert len(stripe.requests) == 6
    assert stripe.amounts(customer) == PUSHED


def test_push_that_lost_its_place_ends_before_it_creates_more(
    closed: Terminal, stripe: StripeProxy, customer: str
) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def hold(forward: Forward) -> Answer:
        arrived.set()
        assert go_on.wait(WAIT_SEC)
        return forward()

    stripe.faults[3] = hold
    with start(closed) as process:
        assert process.stderr is not None
        assert arrived.wait(WAIT_SEC)
        free_lease(closed)
        closed.run(*PUSH)
        go_on.set()
        error = process.stderr.read().decode()
        process.wait(WAIT_SEC)

    assert error == "talkmeter: This push was stopped for too long, and another one has begun; it was ended.\n"
    assert process.returncode == 1
    assert stripe.amounts(customer) == PUSHED


def test_restored_backup_bills_nothing_twice(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    closed.run("backup", "before.db")
    closed.run(*PUSH)
    closed.run("restore", "before.db")
    stripe.forget_keys()

    printed = closed.run(*PUSH)

    assert printed == f"acme: 0 invoice items created for {customer}, 5 found there"
    assert stripe.amounts(customer) == PUSHED


def test_copy_of_the_database_finds_what_was_pending(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    stripe.faults.update({3: cut_after, **dict.fromkeys(range(4, 7), cut_before)})
    closed.error(*PUSH)
    closed.run("copy", "--from", f"sqlite:///{closed.database}", "--to", f"sqlite:///{closed.folder / 'copy.db'}")
    closed.environment["TALKMETER_DATABASE_URL"] = f"sqlite:///{closed.folder / 'copy.db'}"
    stripe.reset()
    stripe.forget_keys()

    printed = closed.run(*PUSH)

    assert printed == f"acme: 3 invoice items created for {customer}, 1 found there"
    assert stripe.amounts(customer) == PUSHED


def test_other_customer_gets_only_what_the_earlier_one_did_not(
    closed: Terminal, stripe: StripeProxy, customer: str
) -> None:
    stripe.faults.update({3: cut_after, **dict.fromkeys(range(4, 7), cut_before)})
    closed.error(*PUSH)
    second = stripe.add_customer()
    closed.run("orgs", "stripe-customer", "acme", second)
    stripe.reset()
    stripe.forget_keys()

    closed.run(*PUSH)

    assert sorted(stripe.amounts(customer) + stripe.amounts(second)) == PUSHED
    assert len(stripe.amounts(customer)) == 2
