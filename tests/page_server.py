"""A server of another page: the application of `talkmeter serve` with another page folder."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from granian.constants import Interfaces
from granian.server import Server
from litestar.types import ASGIApp

from talkmeter.api.app import make_app
from talkmeter.api.middleware import add_middleware
from talkmeter.db.engine import open_engine
from talkmeter.db.migrate import migrate
from talkmeter.settings import load_settings
from tests import local_http
from tests.servers import START_TIMEOUT_SEC, environment_for, free_port

ROOT = Path(__file__).parent.parent
FOLDER = "TEST_PAGE_FOLDER"


def serve_app() -> ASGIApp:
    """Return the application."""
    return add_middleware(make_app(load_settings(), Path(os.environ[FOLDER])))


@contextmanager
def running_page_server(folder: Path, database_folder: Path) -> Iterator[str]:
    """Run a server of the page in `folder`, with a database in `database_folder`; yield its URL."""
    port = free_port()
    environment = {**environment_for(database_folder, {"port": str(port)}), FOLDER: str(folder)}
    with (database_folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.page_server"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_TIMEOUT_SEC
        while not _is_live(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start: {(database_folder / 'server.log').read_text()}")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _is_live(url: str) -> bool:
    try:
        return local_http.get(f"{url}/health/live").is_success
    except httpx.TransportError:
        return False


def main() -> None:
    """Serve until a signal stops it."""
    settings = load_settings()
    engine = open_engine(settings.database_url)
    migrate(engine)
    engine.dispose()
    Server(
        "tests.page_server:serve_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
    ).serve()


if __name__ == "__main__":
    main()
