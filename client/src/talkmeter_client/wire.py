"""The HTTP details that both clients share: the server's address, and bounded reading of responses."""

import os
from importlib.metadata import version
from typing import Final, NamedTuple

import httpx

from talkmeter_client.clock import monotonic
from talkmeter_client.errors import WrongUse, quoted
from talkmeter_client.responses import MAX_RESPONSE_BYTES, NoResponse, ServerResponse

_PATH: Final = "/metering/events"


class Destination(NamedTuple):
    """The address and the headers for posting events."""

    url: str
    headers: dict[str, str]
    trusts_environment: bool
    """Whether a proxy that the environment names is used: not without TLS, because the proxy would see the key."""


def destination(url: str, key: str, organization: str | None) -> Destination:
    """Return where and with which headers to send. Raises WrongUse if an argument is invalid."""
    try:
        address = httpx.URL(url.rstrip("/") + _PATH)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise WrongUse(f"The server's URL must look like https://usage.example.com, not {quoted(url)}.")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise WrongUse("The key must be what 'talkmeter keys add' printed: ASCII without spaces or line breaks.")
    if organization is not None and not (organization.isascii() and organization.isprintable() and organization):
        raise WrongUse(
            f"The organization is sent in a header, so it must be printable ASCII, not {quoted(organization)}."
        )
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/cloudevents-batch+json",
        "Accept-Encoding": "identity",
        "User-Agent": f"talkmeter-client/{version('talkmeter-client')}",
    }
    headers |= {"X-Anyreach-Org": organization} if organization else {}
    return Destination(str(address), headers, trusts_environment=address.scheme == "https")


class ResponseReader:
    """Collects a response as it arrives, bounded in bytes and time."""

    def __init__(self, timeout_sec: float) -> None:
        self._deadline = monotonic() + timeout_sec
        self._timeout_sec = timeout_sec
        self._body = bytearray()
        self._error = ""

    def add(self, chunk: bytes) -> bool:
        """Add a chunk; return False if the response exceeds a limit and reading must stop."""
        self._body += chunk
        if len(self._body) > MAX_RESPONSE_BYTES:
            self._error = f"The response is larger than {MAX_RESPONSE_BYTES} bytes, so it may not be from Talkmeter."
        elif monotonic() > self._deadline:
            self._error = f"The response did not arrive within {self._timeout_sec} seconds."
        return not self._error

    def finish(self, response: httpx.Response) -> ServerResponse | NoResponse:
        """Return the response that was read, or why it was not read to its end."""
        if self._error:
            return NoResponse(self._error)
        return ServerResponse(response.status_code, bytes(self._body), response.headers.get("Retry-After"))


def no_response(error: Exception) -> NoResponse:
    """Return a connection or HTTP error as a NoResponse with a sentence."""
    return NoResponse(f"The server cannot be reached ({type(error).__name__}: {error}).")


class ProcessGuard:
    """Remembers the process that opened a client: after a fork, the child has no thread that sends."""

    def __init__(self) -> None:
        self._process = os.getpid()

    @property
    def is_foreign(self) -> bool:
        """Whether this is another process."""
        return os.getpid() != self._process

    def check(self) -> None:
        """Raise WrongUse in any other process."""
        if self.is_foreign:
            raise WrongUse("This client was opened before a fork; open one in the process that sends.")
