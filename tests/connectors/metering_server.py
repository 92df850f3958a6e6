"""Connectors of a real server, made through the library: a start of the command line for each would take seconds."""

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
    """A server that takes messages, and its ledger."""

    server: Server
    engine: Engine

    def connect(self, provider: str, *secrets: str, org_id: str = "") -> "Hook":
        """A connector of an organization; of one of its own where none is named."""
        of = org_id or f"org-{next(_numbers)}"
        encrypted = SecretBox(SECRET_KEY).encrypt([*secrets])
        with writing(self.engine) as connection:
            add_organization(connection, of, None, clock.now())
            return Hook(self, of, provider, add_connector(connection, of, provider, encrypted, clock.now()))

    def quarantined(self, org_id: str) -> list[QuarantinedEvent]:
        """All that an organization has in quarantine."""
        with reading(self.engine) as connection:
            return list_quarantine(connection, [org_id], MAX_QUARANTINED)

    def differences(self, org_id: str) -> list[str]:
        """What `talkmeter verify` finds wrong."""
        return [one.sentence for one in verify_organization(self.engine, org_id, repair=False)]


class Hook(NamedTuple):
    """A connector."""

    metering: MeteringServer
    org_id: str
    provider: str
    id: str

    @property
    def path(self) -> str:
        """Where its messages are taken."""
        return f"{HOOKS_PATH}/{self.provider}/{self.id}"

    @property
    def public_url(self) -> str:
        """Its address as its stack was given it."""
        return PUBLIC_URL + self.path

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return self.metering.server.url + self.path

    def outcomes(self, messages: int) -> Mapping[str, int]:
        """What became of so many messages; the tallies are written when the answers are out, so they are waited for."""
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
        """The types of the messages that are not metered."""
        with reading(self.metering.engine) as connection:
            return [tally.detail for tally in read_daily_outcomes(connection, self.id, 0) if tally.outcome == "ignored"]


@contextmanager
def metering_server(
    folder: Path, beside: Mapping[str, str] | None = None, /, **settings: str
) -> Iterator[MeteringServer]:
    """A server whose connectors' secrets are encrypted with `SECRET_KEY`; the rest as `running_server` takes it."""
    known = {"secret_key": SECRET_KEY, "public_url": PUBLIC_URL, **settings}
    with running_server(folder, beside, **known) as server, engine_for(database_of(server)) as engine:
        yield MeteringServer(server, engine)


def database_of(server: Server) -> str:
    """The address of a server's database."""
    return server.environment["TALKMETER_DATABASE_URL"]
