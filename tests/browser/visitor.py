"""A visitor that opens pages, and the checks that every page must pass.

A page must not log to the console, except Chromium's "Failed to load resource" if the test expects errors; raise
exceptions; violate the content security policy; or send requests to another origin.
"""

from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Route, expect

from tests.browser.data import NOW
from tests.servers import Server

USAGE: Final = "/organization/usage"
AXE: Final = Path(__file__).resolve().parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
_REPORT_POLICY_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
_RUN_AXE: Final = """
async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
  nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`))
"""
LAYOUT_SHIFT: Final = """
new Promise((resolve) => {
  new PerformanceObserver((list, observer) => {
    observer.disconnect();
    resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0));
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(0), 300);
})
"""
"""The cumulative layout shift since the page started to load."""
TIMEOUT_MS: Final = 30_000
"""How long actions and expectations wait; Playwright's 5 seconds are too short on a busy machine."""
_FAILED_TO_LOAD: Final = "Failed to load resource"


class Keys(NamedTuple):
    """Credentials to sign in with."""

    acme: str
    multi_org: str
    """A personal token: ACME, QUIET, BUSY, CROWD and NEW as admin, LOCKED as viewer."""
    sender: str


class Visitor:
    """Opens pages in their own browser contexts, and records their requests and console messages."""

    def __init__(self, browser: Browser, server: Server, keys: Keys) -> None:
        self.server = server
        self.keys = keys
        self.requests: list[str] = []
        self.expects_errors = False
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._messages: list[str] = []

    def open(
        self,
        address: str = USAGE,
        *,
        now: str = NOW,
        timezone: str = "UTC",
        width: int = 1280,
        scheme: str = "light",
        languages: str = "en-US",
        touch: bool = False,
        key: str | None = None,
    ) -> Page:
        """Open a page; with a key, signed in."""
        context = self._browser.new_context(
            base_url=self.server.url,
            viewport={"width": width, "height": 900},
            timezone_id=timezone,
            locale=languages,
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            has_touch=touch,
        )
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(_REPORT_POLICY_VIOLATIONS)
        context.on("request", self._note_request)
        context.on("console", self._note_message)
        context.on("weberror", lambda error: self._messages.append(str(error.error)))
        self._contexts.append(context)
        if key is not None:
            # The form would load and render the page twice. Its own tests are in test_sign_in.py.
            headers = {"Authorization": f"Bearer {key}", "Origin": self.server.url}
            answer = context.request.post("/session", headers=headers)
            assert answer.ok, answer.text()
        page = context.new_page()
        page.clock.install(time=now)
        page.goto(address)
        return page

    def sign_in(self, key: str, address: str = USAGE, **options: str | int) -> Page:
        """Sign in with a key and open a page."""
        return self.open(address, key=key, **options)  # type: ignore[arg-type]  # the options of open

    def open_usage(self, address: str = USAGE, **options: str | int) -> Page:
        """Open the Usage page of ACME and wait for its cards."""
        page = self.sign_in(self.keys.acme, address, **options)
        expect(card(page, "Total Calls")).to_be_visible()
        return page

    def requests_to(self, path: str) -> list[str]:
        """Return the URLs requested so far with this path."""
        return [url for url in self.requests if url.removeprefix(self.server.url).split("?")[0] == path]

    def ignore_messages(self, text: str) -> None:
        """Drop recorded messages that the test caused on purpose."""
        self._messages = [message for message in self._messages if text not in message]

    def close(self) -> None:
        """Close all pages and assert that none had errors or foreign requests."""
        for context in self._contexts:
            context.close()
        assert self._messages == [], "\n".join(self._messages)
        foreign = [url for url in self.requests if not url.startswith((f"{self.server.url}/", "data:"))]
        assert foreign == [], "\n".join(foreign)

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        if not (self.expects_errors and message.text.startswith(_FAILED_TO_LOAD)):
            self._messages.append(f"{message.type}: {message.text}")


def paste_key(page: Page, key: str) -> None:
    """Fill in the sign-in form and submit it."""
    page.get_by_label("Key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()


def hold_requests(page: Page, url: str) -> list[Route]:
    """Hold back requests to a URL; return the list of held routes, which a test can continue."""
    held: list[Route] = []

    def collect(route: Route) -> None:
        held.append(route)

    page.route(url, collect)
    return held


def card(page: Page, name: str) -> Locator:
    """Return a card by its name."""
    return page.get_by_role("group", name=name, exact=True)


def range_button(page: Page) -> Locator:
    """Return the button that shows the range and opens the calendar."""
    return page.get_by_role("button", name="Date range")


def assert_accessible(page: Page) -> None:
    """Assert that axe finds no violations, in light and in dark."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        violations: list[str] = page.evaluate(_RUN_AXE)
        assert violations == [], "\n".join([f"axe, {scheme}:", *violations])
