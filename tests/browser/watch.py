"""A visitor of the page, and what is asked of every page whatever the test is about.

No message on the console but Chromium's own about a status that the test provoked, no exception, no violation of the
content security policy, no request to another origin; and axe finds nothing where it is asked.
"""

from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Route, expect

from tests.browser.data import NOW
from tests.servers import Server

USAGE: Final = "/organization/usage"
AXE: Final = Path(__file__).resolve().parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
_WATCH_POLICY: Final = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
_RUN_AXE: Final = """
async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
  nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`))
"""
SHIFT: Final = """
new Promise((resolve) => {
  new PerformanceObserver((list, observer) => {
    observer.disconnect();
    resolve(list.getEntries().reduce((sum, entry) => sum + entry.value, 0));
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(0), 300);
})
"""
"""How much has jumped since the page began to load: what Chromium calls layout shift."""
_FAILED_TO_LOAD: Final = "Failed to load resource"


class Keys(NamedTuple):
    """What one may sign in with."""

    acme: str
    several: str
    """A personal token: ACME, QUIET, BUSY and NEWBORN as admin, LOCKED as viewer."""
    sender: str


class Visitor:
    """Opens pages in contexts of their own and remembers what they did."""

    def __init__(self, browser: Browser, server: Server, keys: Keys) -> None:
        self.server = server
        self.keys = keys
        self.requests: list[str] = []
        self.provoked = False
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._said: list[str] = []

    def open(
        self,
        address: str = USAGE,
        *,
        now: str = NOW,
        timezone: str = "UTC",
        width: int = 1280,
        scheme: str = "light",
        languages: str = "en-US",
    ) -> Page:
        """A page at an address, nobody signed in."""
        context = self._browser.new_context(
            base_url=self.server.url,
            viewport={"width": width, "height": 900},
            timezone_id=timezone,
            locale=languages,
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(10_000)
        context.add_init_script(_WATCH_POLICY)
        context.on("request", self._note_request)
        context.on("console", self._note_message)
        context.on("weberror", lambda error: self._said.append(str(error.error)))
        self._contexts.append(context)
        page = context.new_page()
        page.clock.install(time=now)
        page.goto(address)
        return page

    def sign_in(self, key: str, address: str = USAGE, **options: str | int) -> Page:
        """A page at an address, signed in with a pasted key there."""
        page = self.open(address, **options)  # type: ignore[arg-type]  # the options of open
        paste(page, key)
        return page

    def report(self, address: str = USAGE, **options: str | int) -> Page:
        """ACME's figures."""
        page = self.sign_in(self.keys.acme, address, **options)
        expect(card(page, "Total Calls")).to_be_visible()
        return page

    def asked(self, path: str) -> list[str]:
        """The requests so far whose address has this path."""
        return [url for url in self.requests if url.removeprefix(self.server.url).split("?")[0] == path]

    def forgive(self, text: str) -> None:
        """Forget what was said so far about something that the test broke on purpose."""
        self._said = [said for said in self._said if text not in said]

    def close(self) -> None:
        """Close every page; none may have done what a page must not."""
        for context in self._contexts:
            context.close()
        assert self._said == [], "\n".join(self._said)
        foreign = [url for url in self.requests if not url.startswith((f"{self.server.url}/", "data:"))]
        assert foreign == [], "\n".join(foreign)

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def _note_message(self, message: ConsoleMessage) -> None:
        if not (self.provoked and message.text.startswith(_FAILED_TO_LOAD)):
            self._said.append(f"{message.type}: {message.text}")


def paste(page: Page, key: str) -> None:
    """Sign in with a key on the screen that asks for one."""
    page.get_by_label("Key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()


def hold(page: Page, address: str) -> list[Route]:
    """Keep requests to an address waiting, in a list, until a test lets them go on."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(address, keep)
    return held


def card(page: Page, name: str) -> Locator:
    """A card by its name."""
    return page.get_by_role("group", name=name, exact=True)


def range_button(page: Page) -> Locator:
    """The button that names the range and opens the calendar."""
    return page.get_by_role("button", name="Date range")


def assert_accessible(page: Page) -> None:
    """Nothing that axe can find, in light and in dark."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found: list[str] = page.evaluate(_RUN_AXE)
        assert found == [], "\n".join([f"axe, {scheme}:", *found])
