"""Check a connector: send a signed test webhook to its public address and explain the response."""

import ssl
from functools import partial
from typing import Final

import httpx
import msgspec

from talkmeter import clock
from talkmeter.accounts.connectors import Connector
from talkmeter.api.hooks import HOOKS_PATH, not_verified
from talkmeter.deadline import call_within
from talkmeter.errors import OperationFailed, quoted
from talkmeter.ingest.connectors.provider import Message, build_message
from talkmeter.ingest.connectors.registry import PROVIDERS

TIMEOUT_SEC: Final = 10
"""For the whole exchange: name lookup, connection, request and response."""
_MAX_READ: Final = 65_536
_CHECK: Final = "TALKMETER_PUBLIC_URL must be the address at which the provider reaches this server"


class _Problem(msgspec.Struct):
    detail: str = ""


class _Response:
    """The response of the address, and whether it came from Talkmeter."""

    def __init__(self, response: httpx.Response, content: bytes, provider: str) -> None:
        """Read the parts of the response that the result depends on."""
        self.status = response.status_code
        self.is_empty = not content
        self.location = response.headers.get("location", "")
        self.detail = _detail_of(response, content)
        milliseconds = round(response.elapsed.total_seconds() * 1_000)
        self.summary = f"{response.url} answered {self.status} in {milliseconds} ms"
        self.not_verified = self.status == 401 and self.detail.startswith(not_verified(provider))


def check_connector(connector: Connector, public_url: str, secret: str) -> str:
    """Return a sentence that the connector works. Raises OperationFailed with the problem and what to check."""
    if connector.disabled_at is not None:
        raise OperationFailed(f"Connector {connector.id} is disabled and accepts no webhooks.")
    provider = PROVIDERS[connector.provider]
    url = f"{public_url}{HOOKS_PATH}/{connector.provider}/{connector.id}"
    now = clock.now()
    message = (
        build_message(url, b"{}", {}, now)
        if provider.make_test_message is None
        else provider.make_test_message(secret, url, now)
    )
    response = _Response(*_send(message), connector.provider)
    if provider.make_test_message is not None and response.status == provider.status and response.is_empty:
        return f"{response.summary}: the address is reached and the signature is accepted; nothing was counted."
    if provider.make_test_message is None and response.not_verified:
        name = provider.name.capitalize()
        return f"{response.summary}: the address is reached. The signature cannot be tested: only {name} can sign."
    raise OperationFailed(f"{response.summary}: {_problem(response)}")


def _send(message: Message) -> tuple[httpx.Response, bytes]:
    """Send the webhook and read at most 64 KiB of the response. Raises OperationFailed if nothing answers in time."""
    headers = _headers(message)
    try:
        return call_within(TIMEOUT_SEC, partial(_exchange, message, headers))
    except (TimeoutError, httpx.TimeoutException):
        raise OperationFailed(
            f"{message.url} did not answer within {TIMEOUT_SEC} seconds: {_CHECK}, "
            "and firewalls and proxies must let the provider through."
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if (tls := _tls_error(error)) is not None:
            raise OperationFailed(_tls_problem(message.url, tls)) from None
        raise OperationFailed(
            f"Cannot reach {message.url} ({_reason(error)}): {_CHECK}, and the server must be running."
        ) from None


def _exchange(message: Message, headers: httpx.Headers) -> tuple[httpx.Response, bytes]:
    """Send the webhook; return the response and the beginning of its content."""
    with (
        # A proxy of the environment could read the secret if it is a header of a message that is not encrypted.
        httpx.Client(timeout=TIMEOUT_SEC, trust_env=message.url.startswith("https:")) as client,
        client.stream(message.method, message.url, content=message.body, headers=headers) as response,
    ):
        content = b""
        for piece in response.iter_raw():
            content += piece
            if len(content) > _MAX_READ:
                break
    return response, content


def _headers(message: Message) -> httpx.Headers:
    """Return the headers to send. Raises OperationFailed if HTTP cannot carry one of them.

    The error does not contain the value, because a header may be the connector's secret.
    """
    headers = {"user-agent": "talkmeter", "accept-encoding": "identity", **message.headers}
    for value in headers.values():
        if value != value.strip() or not value.isprintable() or max(value, default="") > "\xff":
            raise OperationFailed(
                "The connector's secret cannot be sent in a header: it starts or ends with a space, or contains a "
                "control character or one outside Latin-1. Set another one with 'talkmeter connectors rotate'."
            )
    return httpx.Headers(headers, encoding="latin-1")


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """Return the TLS error that caused a failed connection, or None."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _tls_problem(url: str, error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The server at {url} is reached, but its certificate is not valid ({error.verify_message.rstrip('.')}), "
            "so providers will not send to it. The proxy needs a certificate for this name, with its whole chain."
        )
    return f"The server at {url} is reached, but does not speak TLS ({error.reason}): use the proxy's https port."


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _detail_of(response: httpx.Response, content: bytes) -> str:
    """Return the error sentence if the response is one of Talkmeter's, else an empty text."""
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return ""
    try:
        return msgspec.json.decode(content, type=_Problem).detail
    except msgspec.DecodeError:
        return ""


def _problem(response: _Response) -> str:
    """Return what is wrong and what to check."""
    match response.status:
        case 401 if response.not_verified:
            return (
                f"the signature is not accepted. {response.detail} The server needs the same TALKMETER_PUBLIC_URL as "
                "this command, and proxies must not change the body or headers."
            )
        case 401 | 403 | 407:
            return "a proxy in front of the server asks for credentials, which providers do not have; let them through."
        case 404 if response.detail:
            return (
                "Talkmeter answers there but does not know the connector: it uses another TALKMETER_DATABASE_URL than "
                f"this command, or a proxy changes the path. {response.detail}"
            )
        case 404 | 405 | 410:
            return f"another server answers there. {_CHECK}, and proxies must forward {HOOKS_PATH}."
        case _:
            return response.detail or _problem_elsewhere(response)


def _problem_elsewhere(response: _Response) -> str:
    """Return what is wrong if the response did not come from Talkmeter."""
    match response.status // 100:
        case 3:
            return (
                f"a proxy in front of the server redirects to {quoted(response.location)}, and providers do not follow "
                f"redirects. {_CHECK}, with scheme and host."
            )
        case 5:
            return "a proxy in front of the server cannot reach it. Check that the server runs where the proxy expects."
        case _:
            return f"another server answers there, not Talkmeter. {_CHECK}."
