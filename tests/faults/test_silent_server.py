"""A database server that accepts the login and then does not answer, as one behind a proxy that is frozen."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from talkmeter.db.engine import open_engine, writing
from talkmeter.db.watch import Watch
from talkmeter.errors import Unavailable

SSL_REQUESTS = (80877103, 80877104)
PARAMETERS = {"server_version": "16.2", "client_encoding": "UTF8", "standard_conforming_strings": "on"}
TIMEOUT_SEC = 60

pytestmark = pytest.mark.timeout(TIMEOUT_SEC)


def accept_logins(listener: socket.socket) -> None:
    """Accept every login without a password, answer nothing else, and keep the connections open."""
    clients = []
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            clients.append(client)
            while struct.unpack("!I", client.recv(8_192)[4:8])[0] in SSL_REQUESTS:
                client.sendall(b"N")
            client.sendall(login_answer())
    for client in clients:
        client.close()


def login_answer() -> bytes:
    """Return the messages after a login: authenticated, some parameters, ready."""
    answer = b"R" + struct.pack("!II", 8, 0)
    for name, value in PARAMETERS.items():
        text = name.encode() + b"\0" + value.encode() + b"\0"
        answer += b"S" + struct.pack("!I", 4 + len(text)) + text
    return answer + b"Z" + struct.pack("!I", 5) + b"I"


@pytest.fixture
def silent_url() -> Iterator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=accept_logins, args=(listener,), daemon=True)
        thread.start()
        yield f"postgresql://user@127.0.0.1:{listener.getsockname()[1]}/database"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_that_is_silent_after_the_login_is_a_503(silent_url: str) -> None:
    engine = open_engine(silent_url)
    for _ in range(2):
        with pytest.raises(Unavailable), writing(engine, Watch(TIMEOUT_SEC, "too long")):
            raise AssertionError("connected")
    engine.dispose()
