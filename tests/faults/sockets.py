"""Sockets by hand, for clients that dawdle, break off or stay without a word."""

import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.faults.memory import processes_of
from tests.servers import Server

WAIT_TIMEOUT_SEC: Final = 60
_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


def connect(server: Server) -> socket.socket:
    """A connection to the server that has said nothing yet."""
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=WAIT_TIMEOUT_SEC)


def reset(connection: socket.socket) -> None:
    """Break a connection off: the server gets a reset instead of an end, and what it has not read yet is lost."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    connection.close()


def end_sending(connection: socket.socket) -> None:
    """Say that nothing more will come; to a server that has broken off by itself there is nothing to say."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def request_head(key: str, length: int | None, *lines: str) -> bytes:
    """The head of a POST of events, with a body of so many bytes (None: in chunks) and further lines."""
    announced = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return "\r\n".join(
        (
            "POST /metering/events HTTP/1.1",
            "Host: talkmeter",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            announced,
            *lines,
            "\r\n",
        )
    ).encode()


def read_response(connection: socket.socket) -> bytes:
    """All that the server still says until it ends the connection; nothing where it breaks off."""
    said = b""
    try:
        while part := connection.recv(65_536):
            said += part
    except ConnectionError:
        return said
    return said


def open_files(server: Server) -> int:
    """The file descriptors that the server holds."""
    return sum(map(open_files_of, processes_of(server)))


def open_files_of(process: int) -> int:
    """The file descriptors that one process holds."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))
