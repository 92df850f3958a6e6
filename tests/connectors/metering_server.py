"""A server with connectors, which are created through the library because the command would take seconds each."""

import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Engine

from talkmeter import clock
from talkmeter.accounts.connectors import SecretBox, add_connector
from talkmeter.api.hooks import HOOKS_PATH
from talkmeter.db.engine import reading, writing
from talkmeter.ledger.connector_outcomes import read_daily_outcomes
from talkmeter.ledger.organizations import add_organization
from talkmeter.ledger.quarantine import QuarantinedEvent, list_quarantine
from talkmeter.ledger.verify import verify_organization
from tests.postgres import engine_for
from tests.servers import Server, running_server

PUBLIC_URL: Final = "https://meter.example.com"
SECRET_KEY: Final = b64encode(bytes(range(32))).decode()
MAX_QUARANTINED: Final = 10_000
_WAIT_TIMEOUT_SEC: Final = 60
_numbers = count(1)


class MeteringServer(NamedTuple):
    """A server that receives webhooks, and an engine for its database."""

    server: Server
    engine: Engine

    def connect(self, provider: str, *secrets: str, org_id: str = "") -> "Hook":
        """Add a connector to an organization, a new one by default."""
        org_id = org_id or f"org-{next(_numbers)}"
        encrypted = SecretBox(SECRET_KEY).encrypt([*secrets])
        with writing(self.engine) as connection:
            add_organization(connection, org_id, None, clock.now())
            return Hook(self, org_id, provider, add_connector(connection, org_id, provider, encrypted, clock.now()))

    def quarantined(self, org_id: str) -> list[QuarantinedEvent]:
        """Return the quarantined events of an organization."""
        with reading(self.engine) as connection:
            return list_quarantine(connection, [org_id], MAX_QUARANTINED)[0]

    def differences(self, org_id: str) -> list[str]:
        """Return the differences that `talkmeter verify` finds."""
        return [difference.sentence for difference in verify_organization(self.engine, org_id, repair=False)]


class Hook(NamedTuple):
    """A connector's webhook."""

    metering: MeteringServer
    org_id: str
    provider: str
    id: str

    @property
    def path(self) -> str:
        """The path of its URL."""
        return f"{HOOKS_PATH}/{self.provider}/{self.id}"

    @property
    def public_url(self) -> str:
        """The URL that the provider is given, which some providers sign."""
        return PUBLIC_URL + self.path

    @property
    def url(self) -> str:
        """The URL on this machine."""
        return self.metering.server.url + self.path

    def outcomes(self, messages: int) -> Mapping[str, int]:
        """Return the outcome counts once they have this many messages: they are written after the responses."""
        deadline = time.monotonic() + _WAIT_TIMEOUT_SEC
        while True:
            found = Counter[str]()
            with reading(self.metering.engine) as connection:
                for tally in read_daily_outcomes(connection, self.id, 0):
                    found[tally.outcome] += tally.messages
            if found.total() >= messages:
                return found
            assert time.monotonic() < deadline, f"{found} of {messages} messages"
            time.sleep(0.005)

    def types_ignored(self) -> list[str]:
        """Return the types of its ignored messages."""
        with reading(self.metering.engine) as connection:
            return [tally.detail for tally in read_daily_outcomes(connection, self.id, 0) if tally.outcome == "ignored"]


@contextmanager
def metering_server(
    folder: Path, extra: Mapping[str, str] | None = None, /, **settings: str
) -> Iterator[MeteringServer]:
    """Run a server that encrypts secrets with `SECRET_KEY`; the parameters are those of `running_server`."""
    all_settings = {"secret_key": SECRET_KEY, "public_url": PUBLIC_URL, **settings}
    with running_server(folder, extra, **all_settings) as server, engine_for(database_of(server)) as engine:
        yield MeteringServer(server, engine)


def database_of(server: Server) -> str:
    """Return the URL of a server's database."""
    return server.environment["TALKMETER_DATABASE_URL"]
