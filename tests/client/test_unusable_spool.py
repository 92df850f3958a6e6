"""A client that must not end its program opens a spool later, when that is possible."""

import logging
from pathlib import Path

import pytest

from talkmeter_client import Client, SpoolUnusable
from tests.client.clients import NOON, QUICK
from tests.client.test_stopped_calls import figures
from tests.servers import Server


def test_client_that_is_not_strict_opens_its_spool_when_that_is_possible(
    ample_server: Server, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = ample_server.key("later")
    path = spool.parent / "missing" / spool.name
    with Client(ample_server.url, key, spool=path, limits=QUICK, strict=False) as client:
        with client.conversation("call-1", channel="telephone", direction="inbound", created_at=NOON):
            pass
        path.parent.mkdir()
        with client.conversation("call-2", channel="telephone", direction="inbound", created_at=NOON):
            pass
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    assert figures(ample_server, key)[0] == 1
    assert errors[0].startswith("Nothing can be sent now.")
    assert errors[1].startswith("A call or run is not metered.")


def test_client_that_never_opened_its_spool_closes(spool: Path) -> None:
    client = Client("http://127.0.0.1:1", "key", spool=spool.parent / "missing" / spool.name, strict=False)

    assert client.close() == 0


def test_strict_client_raises_if_its_spool_cannot_be_opened(spool: Path) -> None:
    with pytest.raises(SpoolUnusable, match="cannot be opened"):
        Client("http://127.0.0.1:1", "key", spool=spool.parent / "missing" / spool.name)
