"""The HTTP client for a provider's API: bounded responses, and retries while the provider is busy.

The API key is sent to the given address only, over https or on this machine; redirects and next pages at other
addresses are refused. Error sentences show neither the key nor the content of a response.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from talkmeter import __version__
from talkmeter.deadline import call_within
from talkmeter.errors import OperationFailed, Unavailable, quoted
from talkmeter.reconcile.lists import CallList, Request
from talkmeter_client.responses import read_retry_after

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024
RESPONSE_TIMEOUT_SEC: Final = 120.0
ATTEMPTS: Final = 6
MAX_WAIT_SEC: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_backoff = wait_random_exponential(multiplier=0.5, max=MAX_WAIT_SEC)
_jitter = wait_random_exponential(multiplier=0.25, max=5.0)


class ResponseTooLarge(OperationFailed):
    """The response exceeds MAX_RESPONSE_BYTES; a smaller page may fit."""


class _Busy(Exception):
    """The provider is busy or unreachable; the request may be retried."""

    def __init__(self, reason: str, retry_after_sec: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_sec = retry_after_sec


def check_address(url: str) -> str:
    """Return a provider's address without a final slash.

    Raises OperationFailed if it is invalid, or if the key would be sent over the network unencrypted.
    """
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.query
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or parts.path.strip("/") or parts.fragment or not (url.isascii() and url.isprintable()):
        raise OperationFailed(f"The provider's address must look like https://api.example.com, not {quoted(url)}.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise OperationFailed(
            f"The provider's address must begin with https://, not {quoted(url)}: the API key is sent to it."
        )
    return f"{parts.scheme}://{parts.netloc}"


class ProviderApi:
    """A connection to a provider's API; `with` closes it."""

    def __init__(self, calls: CallList, url: str, account: str, key: str) -> None:
        """Prepare the connection. Raises OperationFailed if the address or the key is unusable."""
        self._title = calls.title
        self._url = check_address(url)
        if not (key and key.isascii() and key.isprintable()):
            raise OperationFailed(f"The key for {self._title} must be printable ASCII.")
        basic = calls.auth == "basic"
        self._client = httpx.Client(
            auth=httpx.BasicAuth(account, key) if basic else None,
            headers={
                "Accept": "application/json",
                # The size of a compressed response could not be bounded while it is read.
                "Accept-Encoding": "identity",
                "User-Agent": f"Talkmeter/{__version__}",
                **({} if basic else {"Authorization": f"Bearer {key}"}),
            },
            timeout=_TIMEOUT,
            follow_redirects=False,
            # Do not send an unencrypted key through a proxy from the environment.
            trust_env=self._url.startswith("https:"),
        )
        self._retrying = Retrying(
            retry=retry_if_exception_type(_Busy), stop=stop_after_attempt(ATTEMPTS), wait=_delay_sec, reraise=True
        )

    def __enter__(self) -> Self:
        """Return the connection."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._client.close()

    def send(self, request: Request) -> bytes | None:
        """Return the body of the response; None if it is a 404.

        Raises OperationFailed if the provider rejects the request, Unavailable if it stays busy.
        """
        address = self._address(request.target)
        try:
            return self._retrying(self._send_once, request, address)
        except _Busy as busy:
            raise Unavailable(
                f"{self._title} failed {ATTEMPTS} times: {busy.reason}. Run the command again later."
            ) from None

    def _address(self, target: str) -> str:
        """Return the address of a request. Raises OperationFailed if it is not the provider's: it would get the key."""
        try:
            address = urljoin(self._url + "/", target)
            parts, own = urlsplit(address), urlsplit(self._url)
            same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        except ValueError:
            address, same = "", False
        if not same:
            raise OperationFailed(f"{self._title} returned a next page that is not at {self._url}; it is not followed.")
        return address

    def _send_once(self, request: Request, address: str) -> bytes | None:
        try:
            return call_within(RESPONSE_TIMEOUT_SEC, partial(self._exchange, request, address))
        except TimeoutError:
            raise _Busy(f"the response did not arrive within {RESPONSE_TIMEOUT_SEC:g} seconds") from None

    def _exchange(self, request: Request, address: str) -> bytes | None:
        with _transport_errors():
            headers = {"Content-Type": "application/json"} if request.body is not None else {}
            sent = self._client.build_request(request.method, address, content=request.body, headers=headers)
            response = self._client.send(sent, stream=True)
            try:
                self._check(response)
                return None if response.status_code == 404 else self._read(response)
            finally:
                response.close()

    def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in _BUSY:
            raise _Busy(f"it answered {status}", read_retry_after(response.headers.get("Retry-After")))
        if status in (401, 403):
            raise OperationFailed(f"{self._title} rejected the API key ({status}): check the key and its account.")
        if response.is_redirect:
            raise OperationFailed(f"{self._title} answered with a redirect ({status}); it is not followed.")
        if status not in (200, 404):
            raise OperationFailed(f"{self._title} rejected the request ({status}).")
        if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise OperationFailed(f"{self._title} compressed its response although the request forbids it.")

    def _read(self, response: httpx.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                raise ResponseTooLarge(f"A response from {self._title} is larger than {MAX_RESPONSE_BYTES:,} bytes.")
            chunks.append(chunk)
        return b"".join(chunks)


@contextmanager
def _transport_errors() -> Iterator[None]:
    """Translate httpx's errors. Their texts may contain the header with the key, so only their types are shown."""
    try:
        yield
    except httpx.TransportError as error:
        raise _Busy(f"the connection failed ({type(error).__name__})") from None
    except httpx.InvalidURL:
        raise OperationFailed("The provider returned an invalid address for the next page.") from None


def _delay_sec(state: RetryCallState) -> float:
    """Return the seconds before the next attempt: the provider's Retry-After up to a maximum, or a growing delay."""
    busy = state.outcome.exception() if state.outcome else None
    if isinstance(busy, _Busy) and busy.retry_after_sec is not None:
        return min(busy.retry_after_sec, MAX_WAIT_SEC) + _jitter(state)
    return _backoff(state)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
