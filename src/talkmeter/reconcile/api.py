"""Asks a stack: one request after the other, each bounded in bytes and in time, and again where the stack is busy.

The key is sent to the one address that was given, over https or on this machine; a redirect or a next page elsewhere is
refused. No sentence shows the key, nor anything that the stack answered.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from talkmeter import __version__, clock
from talkmeter.client.responses import read_retry_after
from talkmeter.errors import Refused, Unavailable, shown
from talkmeter.reconcile.lists import CallList, Request

MAX_ANSWER: Final = 32 * 1024 * 1024
ANSWER_TIMEOUT_SEC: Final = 120.0
ATTEMPTS: Final = 6
MAX_WAIT_SEC: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_backoff = wait_random_exponential(multiplier=0.5, max=MAX_WAIT_SEC)
_jitter = wait_random_exponential(multiplier=0.25, max=5.0)


class AnswerTooLarge(Refused):
    """An answer of more bytes than one may have; a page of fewer calls may fit."""


class _Busy(Exception):
    """The stack has not answered; the same request may be sent again."""

    def __init__(self, reason: str, retry_after_sec: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_sec = retry_after_sec


def check_address(url: str) -> str:
    """The address of a stack, without a slash at its end. Refused where a key would be sent to it in the clear."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.query
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or parts.path.strip("/") or parts.fragment or not (url.isascii() and url.isprintable()):
        raise Refused(f"The address of the stack must look like https://api.example.com, not {shown(url)}.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise Refused(f"The address of the stack must begin with https://, for a key is sent there, not {shown(url)}.")
    return f"{parts.scheme}://{parts.netloc}"


class StackApi:
    """A connection to a stack; `with` closes it. Raises Refused and Unavailable, each a sentence."""

    def __init__(self, calls: CallList, url: str, account: str, key: str) -> None:
        """Keep the address and the key. Refused where either cannot be used."""
        self._title = calls.title
        self._url = check_address(url)
        if not (key and key.isascii() and key.isprintable()):
            raise Refused(f"The key for {self._title} must be printable ASCII.")
        basic = calls.proof == "basic"
        self._client = httpx.Client(
            auth=httpx.BasicAuth(account, key) if basic else None,
            headers={
                "Accept": "application/json",
                # An answer that is unpacked has no size that could be bounded while it comes.
                "Accept-Encoding": "identity",
                "User-Agent": f"Talkmeter/{__version__}",
                **({} if basic else {"Authorization": f"Bearer {key}"}),
            },
            timeout=_TIMEOUT,
            follow_redirects=False,
            # What does not leave this machine goes to no proxy of the environment: it is not encrypted.
            trust_env=self._url.startswith("https:"),
        )
        self._attempts = Retrying(
            retry=retry_if_exception_type(_Busy), stop=stop_after_attempt(ATTEMPTS), wait=_wait_of, reraise=True
        )

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._client.close()

    def ask(self, request: Request) -> bytes | None:
        """The body of the answer; None where the stack says that there is no such thing (404)."""
        address = self._address(request.target)
        try:
            return self._attempts(self._ask_once, request, address)
        except _Busy as busy:
            raise Unavailable(
                f"{self._title} did not answer after {ATTEMPTS} attempts: {busy.reason}. Run it again later."
            ) from None

    def _address(self, target: str) -> str:
        """The address of a request. Refused where it is not the stack's own: the key goes nowhere else."""
        try:
            address = urljoin(self._url + "/", target)
            parts, own = urlsplit(address), urlsplit(self._url)
            same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        except ValueError:
            address, same = "", False
        if not same:
            raise Refused(f"{self._title} named a next page at another address than {self._url}; it is not followed.")
        return address

    def _ask_once(self, request: Request, address: str) -> bytes | None:
        # What httpx says of an error may hold the header with the key: only the kind of it is told.
        with _transport_errors():
            content = {"Content-Type": "application/json"} if request.body is not None else {}
            sent = self._client.build_request(request.method, address, content=request.body, headers=content)
            answer = self._client.send(sent, stream=True)
            try:
                self._check(answer)
                return None if answer.status_code == 404 else self._read(answer)
            finally:
                answer.close()

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in _BUSY:
            raise _Busy(f"it answered {status}", read_retry_after(answer.headers.get("Retry-After")))
        if status in (401, 403):
            raise Refused(
                f"{self._title} does not take this key ({status}): look at the key and at the account it is of."
            )
        if answer.is_redirect:
            raise Refused(f"{self._title} answered with a redirect ({status}); it is not followed.")
        if status not in (200, 404):
            raise Refused(f"{self._title} refused the request ({status}).")
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise Refused(f"{self._title} packed its answer although it was asked not to.")

    def _read(self, answer: httpx.Response) -> bytes:
        ends_at = clock.monotonic() + ANSWER_TIMEOUT_SEC
        pieces: list[bytes] = []
        size = 0
        for piece in answer.iter_raw():
            size += len(piece)
            if size > MAX_ANSWER:
                raise AnswerTooLarge(f"An answer of {self._title} is larger than {MAX_ANSWER:,} bytes.")
            if clock.monotonic() > ends_at:
                raise _Busy(f"the answer did not arrive within {ANSWER_TIMEOUT_SEC:g} seconds")
            pieces.append(piece)
        return b"".join(pieces)


@contextmanager
def _transport_errors() -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise _Busy(f"the connection failed ({type(error).__name__})") from None
    except httpx.InvalidURL:
        raise Refused("The stack named a next page whose address cannot be read.") from None


def _wait_of(state: RetryCallState) -> float:
    """Seconds before the next attempt: what the stack asks for, within reason, else longer each time."""
    busy = state.outcome.exception() if state.outcome else None
    if isinstance(busy, _Busy) and busy.retry_after_sec is not None:
        return min(busy.retry_after_sec, MAX_WAIT_SEC) + _jitter(state)
    return _backoff(state)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
