"""A real Chromium against a real server. Every page is watched: what it logs, what it breaks, whom it asks."""

import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, sync_playwright

from talkmeter.api.page import PAGE_FOLDER
from talkmeter.cli import cli
from tests import local_http
from tests.browser.data import ACME, ACME_EVENTS, BUSY, BUSY_EVENTS, LOCKED, NEWBORN, QUIET, QUIET_EVENTS
from tests.browser.watch import Keys, Visitor
from tests.connectors.metering_server import SECRET_KEY
from tests.events import Json
from tests.servers import Server, running_server

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PLANS_URL: Final = "https://plans.example.com/acme"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("TALKMETER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("There is no Chromium: install it, or name one by TALKMETER_CHROMIUM (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not (PAGE_FOLDER / "index.html").is_file():
        pytest.fail("The page has not been built: make install.")
    with running_server(tmp_path_factory.mktemp("browser"), plans_url=PLANS_URL, secret_key=SECRET_KEY) as server:
        yield server


@pytest.fixture(scope="session")
def keys(server: Server) -> Keys:
    """Credentials for the organizations, whose events have arrived."""
    sender = command(server, "keys", "add", "--sender")
    send(server, sender, ACME, ACME_EVENTS)
    send(server, sender, QUIET, QUIET_EVENTS)
    send(server, sender, BUSY, BUSY_EVENTS)
    command(server, "orgs", "add", NEWBORN, "--name", "New & Born")
    command(server, "orgs", "add", LOCKED)
    grants = (ACME, QUIET, BUSY, NEWBORN, f"{LOCKED}:viewer")
    several = command(
        server, "tokens", "add", "--name", "several", *(part for org in grants for part in ("--org", org))
    )
    acme = command(server, "keys", "add", "--org", ACME, "--role", "admin")
    return Keys(acme=acme, several=several, sender=sender)


@pytest.fixture
def visitor(browser: Browser, server: Server, keys: Keys) -> Iterator[Visitor]:
    """Opens pages, and looks at the end that none of them did what a page must not."""
    visitor = Visitor(browser, server, keys)
    yield visitor
    visitor.close()


@pytest.fixture(scope="module")
def month(browser: Browser, server: Server, keys: Keys) -> Iterator[Page]:
    """ACME's month to date, for tests that only look at it."""
    visitor = Visitor(browser, server, keys)
    yield visitor.report()
    visitor.close()


def command(server: Server, *arguments: str) -> str:
    """What a `talkmeter` command prints on stdout; run in this process, as starting one takes longer than a test."""
    done = CliRunner().invoke(cli, arguments, env=server.environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def send(server: Server, sender: str, org_id: str, events: list[Json]) -> None:
    """Send events as a platform does; all of them must count."""
    answer = local_http.post(
        f"{server.url}/metering/events",
        json=events,
        headers={"Authorization": f"Bearer {sender}", "X-Anyreach-Org": org_id},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == len(events), answer.text
