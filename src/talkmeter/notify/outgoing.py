"""Sends one HTTP request to a URL that a customer has chosen.

The host name is resolved once, every address is checked, and the connection goes to a checked address. The URL keeps
the name, so the certificate is verified against it. Nothing is reused for another request, no redirect is followed, and
no proxy or setting of the environment applies. One deadline limits everything, from the resolver to the last byte.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from threading import Thread
from typing import Final

import httpcore

from talkmeter import __version__
from talkmeter.notify.addresses import is_public
from talkmeter.notify.endpoints import Endpoint

DEADLINE_SEC: Final = 10.0
MAX_ANSWER_BYTES: Final = 64 << 10
_OTHER_ADDRESSES_SEC: Final = 3.0
"""How long connecting to one of several addresses may take, unless it is the last one."""
_REDIRECTS: Final = range(300, 400)
_SUCCESS: Final = range(200, 300)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a host and port. Raises OSError if there are none."""


class NotSent(Exception):
    """A request was not answered with success. `kind` is the class of the error, `status` the answer's, if any."""

    def __init__(self, kind: str, status: int | None = None) -> None:
        """Keep the class and the status."""
        super().__init__(kind)
        self.kind = kind
        self.status = status


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host, by the resolver of the system.

    It runs in a separate thread, so that names that are slow to resolve do not keep other lookups waiting.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(addresses: Sequence[str], error: OSError | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def run() -> None:
        addresses: list[str] = []
        failure: OSError | None = None
        try:
            addresses = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except UnicodeError:
            failure = OSError("the name is too long")
        except OSError as error:
            failure = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, addresses, failure)

    Thread(target=run, name="talkmeter-resolver", daemon=True).start()
    return await found


class Outgoing:
    """Sends requests; `resolve` and the deadline are those of tests."""

    def __init__(
        self,
        resolve: Resolve = resolve_by_system,
        deadline_sec: float = DEADLINE_SEC,
        authorities: ssl.SSLContext | None = None,
    ) -> None:
        """Trust the system's certificate authorities, unless others are given."""
        self._resolve = resolve
        self._deadline_sec = deadline_sec
        self._authorities = authorities or ssl.create_default_context()

    async def post(self, endpoint: Endpoint, headers: dict[str, str], body: bytes) -> int:
        """Send a request, and return the status of a successful answer. Raises NotSent."""
        try:
            async with asyncio.timeout(self._deadline_sec):
                status = await self._post(endpoint, headers, body)
        except TimeoutError:
            raise NotSent("timeout") from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            raise NotSent("protocol") from None
        except (httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise NotSent("tls" if _is_tls(error) else "connection") from None
        if status in _SUCCESS:
            return status
        raise NotSent("redirect" if status in _REDIRECTS else "status", status)

    async def _post(self, endpoint: Endpoint, headers: dict[str, str], body: bytes) -> int:
        url = httpcore.URL(
            scheme=endpoint.scheme.encode(),
            host=endpoint.host.encode(),
            port=endpoint.port,
            target=endpoint.target.encode(),
        )
        sent = {
            "Host": endpoint.authority,
            "User-Agent": f"Talkmeter/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **headers,
        }
        backend = _CheckedBackend(self._resolve, trusted=endpoint.trusted)
        async with (
            backend,
            httpcore.AsyncHTTPConnection(url.origin, self._authorities, network_backend=backend) as connection,
            connection.stream(
                "POST", url, headers=[(name.encode(), value.encode()) for name, value in sent.items()], content=body
            ) as answer,
        ):
            size = 0
            async for chunk in answer.aiter_stream():
                size += len(chunk)
                if size >= MAX_ANSWER_BYTES:
                    break
            return answer.status


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to an address that it has checked."""

    def __init__(self, resolve: Resolve, *, trusted: bool) -> None:
        self._resolve = resolve
        self._trusted = trusted
        self._network = httpcore.AnyIOBackend()
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def __aenter__(self) -> None:
        """Do nothing."""

    async def __aexit__(self, *_error: object) -> None:
        """Close the connection: httpcore leaves it open if the deadline passes during the TLS handshake."""
        if self._stream is not None:
            await self._stream.aclose()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the parameters are those of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that accepts. Raises NotSent if one of them is not allowed."""
        try:
            addresses = list(dict.fromkeys(await self._resolve(host, port)))
        except OSError:
            raise NotSent("dns") from None
        if not self._trusted and not all(map(is_public, addresses)):
            raise NotSent("address")
        for address in addresses:
            is_last = address == addresses[-1]
            limit = timeout if is_last else _OTHER_ADDRESSES_SEC
            try:
                self._stream = await self._network.connect_tcp(address, port, limit, local_address, socket_options)
                return self._stream
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if is_last:
                    raise
        raise NotSent("dns")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)
