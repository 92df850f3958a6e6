"""`talkmeter statements push stripe` against localstripe: an invoice item for each line that is not 0."""

from pathlib import Path

import pytest

from tests.cli.closed_months import ADJUSTMENT, LINES, MONTH, adjust, close, terminal_with_usage
from tests.cli.stripe_proxy import KEY, StripeProxy
from tests.cli.terminal import Terminal

PUSH = ("statements", "push", "stripe", *MONTH)
PUSHED = sorted(LINES.items())


def test_each_line_that_is_not_0_becomes_an_invoice_item(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    printed = closed.run(*PUSH)

    assert printed == f"acme: 5 invoice items created for {customer}"
    assert stripe.amounts(customer) == PUSHED
    items = {item["metadata"]["talkmeter_charge"]: item for item in stripe.items(customer)}
    assert {item["currency"] for item in items.values()} == {"usd"}
    assert {name: item["description"] for name, item in items.items()} == {
        "fee": "Monthly fee, 2026-03",
        "voice": "Voice, 2026-03: 15.5 minutes",
        "calls": "Calls, 2026-03: 6 calls",
        "runs": "Runs, 2026-03: 3 runs",
        "minimum": "Minimum charge, 2026-03",
    }
    # From 1 March to the last second of 31 March.
    assert items["fee"]["period"] == {"start": 1772323200, "end": 1775001599}
    assert {item["metadata"]["talkmeter_statement"] for item in items.values()} == {"acme/2026-03/0"}
    assert len({item["metadata"]["talkmeter_line"] for item in items.values()}) == 5


def test_second_push_sends_nothing(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    closed.run(*PUSH)
    stripe.reset()

    done = closed.execute(*PUSH)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "Nothing to push: there is no statement of the month with a line that is not in Stripe.\n"
    assert stripe.requests == []
    assert stripe.amounts(customer) == PUSHED


def test_adjustment_is_pushed_with_negative_amounts(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    closed.run(*PUSH)
    adjust(closed, "acme")

    closed.run(*PUSH)

    assert stripe.amounts(customer) == sorted([*LINES.items(), *ADJUSTMENT.items()])
    described = {item["description"] for item in stripe.items(customer)}
    assert "Minimum charge, 2026-03 (adjustment 1)" in described
    assert "Voice, 2026-03 (adjustment 1): 10 minutes" in described


def test_dry_run_prints_the_items_and_sends_nothing(closed: Terminal, stripe: StripeProxy, customer: str) -> None:
    before = closed.run(*PUSH, "--dry-run")

    assert "Voice, 2026-03: 15.5 minutes" in before
    assert before.count("to be created") == 5
    assert (stripe.requests, stripe.amounts(customer)) == ([], [])

    closed.run(*PUSH)
    after = closed.run(*PUSH, "--dry-run")
    assert all(item["id"] in after for item in stripe.items(customer))


def test_items_of_the_test_mode_do_not_count_in_live_mode(closed: Terminal, customer: str) -> None:
    closed.run(*PUSH)

    closed.environment["TALKMETER_STRIPE_KEY"] = "sk_live_51SecretOfTheTests"

    assert closed.run(*PUSH, "--dry-run").count("to be created") == 5


def test_organizations_without_customer_are_named_and_others_pushed(tmp_path: Path, stripe: StripeProxy) -> None:
    terminal = terminal_with_usage(tmp_path, "acme", "globex", "initech")
    terminal.environment |= {"TALKMETER_STRIPE_KEY": KEY, "TALKMETER_STRIPE_URL": stripe.url}
    close(terminal)
    customer = stripe.add_customer()
    terminal.run("orgs", "stripe-customer", "acme", "cus_unknown")
    terminal.run("orgs", "stripe-customer", "initech", customer)

    done = terminal.execute(*PUSH)

    assert done.returncode == 1
    assert done.stdout == f"initech: 5 invoice items created for {customer}\n"
    [refused, missing, last] = done.stderr.splitlines()
    assert refused == "acme: Stripe refused the request (404): Not Found."
    assert missing == "globex: It has no Stripe customer; set it with 'talkmeter orgs stripe-customer'."
    assert last == "talkmeter: 2 organizations could not be pushed; run the command again for them."
    assert stripe.amounts(customer) == PUSHED


@pytest.mark.parametrize("currency", ["ISK", "UGX", "MGA", "KWD"])
def test_currency_whose_units_differ_at_stripe_is_refused(tmp_path: Path, stripe: StripeProxy, currency: str) -> None:
    plan = f'[plans.pro]\nname = "Pro"\ncurrency = "{currency}"\neffective = "2026-01"\nfee = "10"\n'
    terminal = terminal_with_usage(tmp_path, "acme", plan=plan)
    terminal.environment |= {"TALKMETER_STRIPE_KEY": KEY, "TALKMETER_STRIPE_URL": stripe.url}
    close(terminal)
    terminal.run("orgs", "stripe-customer", "acme", stripe.add_customer())

    error = terminal.error(*PUSH, "--org", "acme")

    assert error.startswith(f"Amounts in {currency} are not pushed, because Stripe's units of this currency differ")
    assert stripe.requests == []


def test_yen_are_pushed_as_whole_yen(tmp_path: Path, stripe: StripeProxy) -> None:
    plan = '[plans.pro]\nname = "Pro"\ncurrency = "JPY"\neffective = "2026-01"\nfee = "1500"\n'
    terminal = terminal_with_usage(tmp_path, "acme", plan=plan)
    terminal.environment |= {"TALKMETER_STRIPE_KEY": KEY, "TALKMETER_STRIPE_URL": stripe.url}
    close(terminal)
    customer = stripe.add_customer()
    terminal.run("orgs", "stripe-customer", "acme", customer)

    terminal.run(*PUSH)

    [item] = stripe.items(customer)
    assert (item["amount"], item["currency"]) == (1500, "jpy")


def test_customer_is_set_shown_replaced_and_checked(closed: Terminal) -> None:
    assert closed.run("orgs", "stripe-customer", "acme") == "Organization acme has no Stripe customer."

    closed.run("orgs", "stripe-customer", "acme", "cus_1")
    assert closed.run("orgs", "stripe-customer", "acme", "cus_2") == "Statements of acme are billed to cus_2."

    assert closed.run("orgs", "stripe-customer", "acme") == "cus_2"
    assert closed.error("orgs", "stripe-customer", "acme", "acct_1").startswith("A Stripe customer looks like cus_")
    assert closed.error("orgs", "stripe-customer", "nobody", "cus_1").startswith("Organization 'nobody' does not exist")
    assert '"action": "organization.customer"' in closed.run("audit", "--json")


def test_push_leaves_an_audit_entry(closed: Terminal, customer: str) -> None:
    closed.run(*PUSH)

    [entry] = [line for line in closed.run("audit").splitlines() if "statement.push" in line]
    assert f"push to {customer}, test mode of Stripe" in entry
