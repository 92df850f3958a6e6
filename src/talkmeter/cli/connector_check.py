"""Tries a connector as its stack would: a signed message to its public address, and what came of it as a sentence."""

from typing import Final

import httpx
import msgspec

from talkmeter import clock
from talkmeter.accounts.connectors import Connector
from talkmeter.api.hooks import HOOKS_PATH
from talkmeter.errors import Refused, shown
from talkmeter.ingest.connectors.provider import Message, Provider, posted
from talkmeter.ingest.connectors.registry import PROVIDERS

TIMEOUT_SEC: Final = 10
_MAX_READ: Final = 65_536
_CHECK: Final = "TALKMETER_PUBLIC_URL must be the address under which the stack reaches this server"


class _Problem(msgspec.Struct):
    detail: str = ""


class _Answer:
    """What an address answered, and how much of it is ours."""

    def __init__(self, response: httpx.Response, content: bytes, connector: Connector) -> None:
        """Look whether it is an answer of this program."""
        self.status = response.status_code
        self.is_empty = not content
        self.location = response.headers.get("location", "")
        self.detail = _detail_of(response, content)
        after = f" in {round(response.elapsed.total_seconds() * 1_000)} ms"
        self.said = f"{response.url} answered {self.status}{after}"
        self.provider = connector.provider


def try_connector(connector: Connector, public_url: str, secret: str) -> str:
    """The sentence that says that a connector is reached. Refused says what is wrong and what to check."""
    if connector.disabled_at is not None:
        raise Refused(f"Connector {connector.id} is disabled: its address takes no message.")
    stack = PROVIDERS[connector.provider]
    url = f"{public_url}{HOOKS_PATH}/{connector.provider}/{connector.id}"
    now = clock.now()
    message = posted(url, b"{}", {}, now) if stack.test is None else stack.test(secret, url, now)
    return _judged(_Answer(*_sent(message), connector), stack)


def _sent(message: Message) -> tuple[httpx.Response, bytes]:
    """Send a message, and read no more of the answer than it needs. Refused where none comes."""
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SEC, follow_redirects=False) as client,
            client.stream(message.method, message.url, content=message.body, headers=_headers(message)) as response,
        ):
            content, until = b"", clock.monotonic() + TIMEOUT_SEC
            for piece in response.iter_raw():
                content += piece
                if len(content) > _MAX_READ or clock.monotonic() > until:
                    break
    except httpx.TimeoutException:
        raise Refused(
            f"{message.url} did not answer within {TIMEOUT_SEC} seconds: {_CHECK}, "
            "and a firewall or proxy in front of it must let the stack through."
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Refused(
            f"{message.url} cannot be reached ({_reason(error)}): {_CHECK}, and the server must be running."
        ) from None
    return response, content


def _headers(message: Message) -> httpx.Headers:
    """The headers as they are sent. One may be the secret itself: what cannot be sent is refused without showing it."""
    headers = {"user-agent": "talkmeter", "accept-encoding": "identity", **message.headers}
    for value in headers.values():
        if value != value.strip() or not value.isprintable() or max(value, default="") > "\xff":
            raise Refused(
                "The connector's secret holds a character that no header can carry: spaces at its ends, control "
                "characters or letters beyond Latin-1. Give it another one with 'talkmeter connectors rotate'."
            )
    return httpx.Headers(headers, encoding="latin-1")


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _detail_of(response: httpx.Response, content: bytes) -> str:
    """The sentence of a problem as this program writes them; empty where it is none."""
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return ""
    try:
        return msgspec.json.decode(content, type=_Problem).detail
    except msgspec.DecodeError:
        return ""


def _judged(answer: _Answer, stack: Provider) -> str:
    if answer.status == stack.status and answer.is_empty and stack.test is not None:
        return f"{answer.said}: the address is reached and the signature is accepted; nothing was counted."
    ours = answer.detail.startswith(f"This message is not proved to come from {answer.provider}: ")
    if answer.status == 401 and ours and stack.test is None:
        name = stack.name.capitalize()
        return f"{answer.said}: the address is reached; the signature cannot be tried, for only {name} can sign."
    raise Refused(f"{answer.said}: {_wrong(answer, ours=ours)}")


def _wrong(answer: _Answer, *, ours: bool) -> str:
    match answer.status:
        case 401 if ours:
            return (
                f"the signature is not accepted. {answer.detail} Stacks that sign the address need the same "
                "TALKMETER_PUBLIC_URL at the server, and a proxy must hand on body and headers as they came."
            )
        case 401 | 403 | 407:
            return "something in front of the server asks for credentials, which stacks do not have; let them through."
        case 404 if answer.detail:
            return (
                "this program answers there, and has no such connector: its TALKMETER_DATABASE_URL is another one "
                f"than here, or the path is changed on its way. {answer.detail}"
            )
        case 404 | 405 | 410:
            return f"another server answers there. {_CHECK}, and a proxy must hand on {HOOKS_PATH}."
        case _:
            return answer.detail or _of_others(answer)


def _of_others(answer: _Answer) -> str:
    """What is wrong where an answer is none of this program's."""
    match answer.status // 100:
        case 3:
            return (
                f"something in front of the server sends elsewhere, to {shown(answer.location)}, which stacks do not "
                f"follow. {_CHECK}, with the scheme and the host that the stack is given."
            )
        case 5:
            return "something in front of the server does not reach it. The server must be running where it looks."
        case _:
            return f"that is no answer of this program, so another one answers there. {_CHECK}."
