"""Where events go, and what of an answer is read: the same for both clients."""

import os
from typing import Final, NamedTuple

import httpx

from talkmeter import __version__
from talkmeter.client.errors import WrongUse
from talkmeter.client.responses import MAX_ANSWER_BYTES, Answer, NoAnswer
from talkmeter.clock import monotonic
from talkmeter.errors import shown

_PATH: Final = "/metering/events"


class Destination(NamedTuple):
    """The address that events are posted to, and the headers they are posted with."""

    url: str
    headers: dict[str, str]


def destination(url: str, key: str, organization: str | None) -> Destination:
    """Where and as whom to send. WrongUse where it cannot work with any server."""
    try:
        address = httpx.URL(url.rstrip("/") + _PATH)
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise WrongUse(f"The address of the server must look like https://usage.example.com, not {shown(url)}.")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise WrongUse("The key must be the secret as it was shown: printable ASCII without spaces.")
    if organization is not None and not (organization.isascii() and organization.isprintable() and organization):
        raise WrongUse(f"The organization must be printable ASCII to stand in a header, not {shown(organization)}.")
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/cloudevents-batch+json",
        "Accept-Encoding": "identity",
        "User-Agent": f"talkmeter-client/{__version__}",
    }
    return Destination(str(address), headers | ({"X-Anyreach-Org": organization} if organization else {}))


class Reading:
    """An answer while it arrives: bounded in bytes and in time."""

    def __init__(self, timeout_sec: float) -> None:
        self._until = monotonic() + timeout_sec
        self._timeout_sec = timeout_sec
        self._body = bytearray()
        self._broken = ""

    def goes_on(self, chunk: bytes) -> bool:
        """Take what arrived; False where the rest is of no use."""
        self._body += chunk
        if len(self._body) > MAX_ANSWER_BYTES:
            self._broken = f"Its answer is larger than {MAX_ANSWER_BYTES} bytes, so it may not be Talkmeter."
        elif monotonic() > self._until:
            self._broken = f"Its answer did not arrive within {self._timeout_sec} seconds."
        return not self._broken

    def answer(self, response: httpx.Response) -> Answer | NoAnswer:
        """What came back."""
        if self._broken:
            return NoAnswer(self._broken)
        return Answer(response.status_code, bytes(self._body), response.headers.get("Retry-After"))


def no_answer(error: Exception) -> NoAnswer:
    """A connection that could not be made, broke off or spoke no HTTP, as a sentence."""
    return NoAnswer(f"It cannot be reached ({type(error).__name__}: {error}).")


class Owner:
    """The process that made a client: after a fork, the child has no thread that would send."""

    def __init__(self) -> None:
        self._process = os.getpid()

    def check(self) -> None:
        """WrongUse in any other process."""
        if os.getpid() != self._process:
            raise WrongUse("This client was made before a fork; make one in the process that sends.")
