"""A terminal in an empty folder for each test, and one with usage for each test file."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.api.organizations import client_of
from tests.cli.closed_months import close, terminal_with_usage
from tests.cli.metered import EVENTS, Metered
from tests.cli.stripe_proxy import KEY, StripeProxy, running_stripe
from tests.cli.terminal import Terminal
from tests.servers import running_server


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal with an empty database."""
    return Terminal(tmp_path)


@pytest.fixture
def empty_folder(tmp_path: Path) -> Terminal:
    """A terminal whose database does not exist yet."""
    return Terminal(tmp_path, create=False)


@pytest.fixture
def set_machine_zone() -> Iterator[Callable[[str], None]]:
    """Return a function that sets the time zone of this process, until the end of the test."""
    with pytest.MonkeyPatch.context() as patch:

        def set_zone(name: str) -> None:
            patch.setenv("TZ", name)
            time.tzset()

        yield set_zone
    time.tzset()


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metered]:
    """A terminal with usage and a client of its server. Only for reading."""
    terminal = Terminal(tmp_path_factory.mktemp("metered"))
    with running_server(terminal.folder) as server, client_of(server, server.key("acme")) as client:
        client.post("/metering/events", json=EVENTS).raise_for_status()
        yield Metered(terminal, client)


@pytest.fixture(scope="module")
def stripe_server() -> Iterator[StripeProxy]:
    """A Stripe server for each test file."""
    with running_stripe() as proxy:
        yield proxy


@pytest.fixture
def stripe(stripe_server: StripeProxy) -> StripeProxy:
    """Stripe, without requests and faults of other tests."""
    stripe_server.reset()
    return stripe_server


@pytest.fixture
def closed(tmp_path: Path, stripe: StripeProxy) -> Terminal:
    """A terminal whose organization acme has a statement of March; Stripe is its payment provider."""
    terminal = terminal_with_usage(tmp_path, "acme")
    terminal.environment |= {"TALKMETER_STRIPE_KEY": KEY, "TALKMETER_STRIPE_URL": stripe.url}
    close(terminal)
    return terminal


@pytest.fixture
def customer(closed: Terminal, stripe: StripeProxy) -> str:
    """The customer of acme."""
    id_ = stripe.add_customer()
    closed.run("orgs", "stripe-customer", "acme", id_)
    return id_
