"""Fixtures: a real Chromium, a real server, and a `Visitor` that opens pages and records errors."""

import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, expect, sync_playwright

from talkmeter.api.page import PAGE_FOLDER
from talkmeter.cli.commands import cli
from tests import local_http
from tests.browser.data import (
    ACME,
    ACME_EVENTS,
    BUSY,
    BUSY_EVENTS,
    CROWD,
    CROWD_EVENTS,
    LOCKED,
    NEW,
    QUIET,
    QUIET_EVENTS,
)
from tests.browser.visitor import TIMEOUT_MS, Keys, Visitor
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
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("TALKMETER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("Chromium not found. Install it (apt-get install chromium) or set TALKMETER_CHROMIUM to its path.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not (PAGE_FOLDER / "index.html").is_file():
        pytest.fail("The page is not built. Run: make install")
    with running_server(tmp_path_factory.mktemp("browser"), plans_url=PLANS_URL, secret_key=SECRET_KEY) as server:
        yield server


@pytest.fixture(scope="session")
def keys(server: Server) -> Keys:
    """Create the organizations with their events, and return credentials for them."""
    sender = run_command(server, "keys", "add", "--sender")
    send_events(server, sender, ACME, ACME_EVENTS)
    send_events(server, sender, QUIET, QUIET_EVENTS)
    send_events(server, sender, BUSY, BUSY_EVENTS)
    send_events(server, sender, CROWD, CROWD_EVENTS)
    run_command(server, "orgs", "add", NEW, "--name", "New & Born")
    run_command(server, "orgs", "add", LOCKED)
    grants = (ACME, QUIET, BUSY, CROWD, NEW, f"{LOCKED}:viewer")
    multi_org = run_command(
        server, "tokens", "add", "--name", "multi-org", *(part for org in grants for part in ("--org", org))
    )
    acme = run_command(server, "keys", "add", "--org", ACME, "--role", "admin")
    return Keys(acme=acme, multi_org=multi_org, sender=sender)


@pytest.fixture
def visitor(browser: Browser, server: Server, keys: Keys) -> Iterator[Visitor]:
    """A visitor whose pages are checked for errors after the test."""
    visitor = Visitor(browser, server, keys)
    yield visitor
    visitor.close()


@pytest.fixture(scope="module")
def month_page(browser: Browser, server: Server, keys: Keys) -> Iterator[Page]:
    """ACME's month to date, shared by tests that only read it."""
    visitor = Visitor(browser, server, keys)
    yield visitor.open_usage()
    visitor.close()


def run_command(server: Server, *arguments: str) -> str:
    """Run a `talkmeter` command in this process, because starting one is slow, and return its stdout."""
    result = CliRunner().invoke(cli, arguments, env=server.environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def send_events(server: Server, sender: str, org_id: str, events: list[Json]) -> None:
    """Send events and assert that all are accepted."""
    response = local_http.post(
        f"{server.url}/metering/events",
        json=events,
        headers={"Authorization": f"Bearer {sender}", "X-Anyreach-Org": org_id},
    )
    assert response.status_code == 200, response.text
    assert response.json()["accepted"] == len(events), response.text
