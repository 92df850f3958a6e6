"""Raw sockets, for clients that are slow, break off or send nothing."""

import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.faults.memory import processes_of
from tests.servers import Server

WAIT_TIMEOUT_SEC: Final = 60
_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


def connect(server: Server) -> socket.socket:
    """Open a connection to the server."""
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=WAIT_TIMEOUT_SEC)


def reset(connection: socket.socket) -> None:
    """Reset a connection: the server loses what it has not read yet."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    connection.close()


def end_sending(connection: socket.socket) -> None:
    """End the request, unless the server has closed the connection."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


def request_head(key: str, length: int | None, *lines: str) -> bytes:
    """Return the head of a POST of events; `length` None announces chunks, `lines` are more headers."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return "\r\n".join(
        (
            "POST /metering/events HTTP/1.1",
            "Host: talkmeter",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            framing,
            *lines,
            "\r\n",
        )
    ).encode()


def read_response(connection: socket.socket) -> bytes:
    """Return what the server sends until it ends the connection."""
    response = b""
    try:
        while part := connection.recv(65_536):
            response += part
    except ConnectionError:
        return response
    return response


def wait_for_open_files(server: Server, limit: int) -> int:
    """Wait until the server has at most `limit` open file descriptors, and return their number."""
    deadline = time.monotonic() + WAIT_TIMEOUT_SEC
    while (number := open_files(server)) > limit:
        assert time.monotonic() < deadline, f"the server still has {number} open files instead of {limit}"
        time.sleep(0.05)
    return number


def open_files(server: Server) -> int:
    """Return the number of open file descriptors of the server."""
    return sum(map(open_files_of, processes_of(server)))


def open_sockets(server: Server) -> int:
    """Return the number of open sockets of the server; unlike files of the database, none is opened later."""
    links = (link for process in processes_of(server) for link in Path(f"/proc/{process}/fd").iterdir())
    return sum(_is_socket(link) for link in links)


def _is_socket(link: Path) -> bool:
    with suppress(FileNotFoundError):  # closed meanwhile
        return link.readlink().name.startswith("socket:")
    return False


def open_files_of(process: int) -> int:
    """Return the number of open file descriptors of a process."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))
