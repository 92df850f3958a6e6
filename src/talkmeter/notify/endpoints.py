"""Which URLs a webhook may have."""

import re
from ipaddress import ip_address
from typing import Final, NamedTuple

from talkmeter.errors import Unprocessable, quoted
from talkmeter.notify.addresses import is_public
from talkmeter.settings import Settings, outgoing_origins, outgoing_ports
from talkmeter.urls import split_url

MAX_URL: Final = 2_000
_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)


class OutgoingRules(NamedTuple):
    """Ports that are allowed everywhere, and origins at which anything is: other ports, http, private addresses."""

    ports: frozenset[int]
    origins: frozenset[str]


class Endpoint(NamedTuple):
    """Where a webhook is sent: `host` without brackets, `target` is path and query.

    `trusted`: the operator listed its origin, so that its address may be private.
    """

    scheme: str
    host: str
    port: int
    target: str
    trusted: bool

    @property
    def origin(self) -> str:
        """The URL without path and query."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        return self.origin.partition("://")[2]


def outgoing_rules(settings: Settings) -> OutgoingRules:
    """Return the rules of the settings."""
    return OutgoingRules(outgoing_ports(settings), outgoing_origins(settings))


def read_endpoint(url: str, rules: OutgoingRules) -> Endpoint:
    """Return the parts of a URL. Raises Unprocessable with a sentence if nothing may be sent there."""
    parts = split_url(url)
    if parts is None or len(url) > MAX_URL or "\\" in url:
        raise Unprocessable(
            f"The URL of a webhook must look like https://example.com/path, in ASCII, with at most {MAX_URL:,} "
            f"characters, not {quoted(url)}."
        )
    if parts.username is not None or parts.password is not None:
        raise Unprocessable("The URL of a webhook must not contain a user or a password.")
    if "#" in url:
        raise Unprocessable("The URL of a webhook must not contain a fragment (#).")
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    if not (_NAME.fullmatch(host) or _is_address(host)):
        raise Unprocessable(f"The URL of a webhook has no valid host: {quoted(host)}.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    endpoint = Endpoint(parts.scheme, host, port, target, trusted=False)
    if endpoint.origin in rules.origins:
        return endpoint._replace(trusted=True)
    if endpoint.scheme != "https":
        raise Unprocessable("The URL of a webhook must begin with https://.")
    if port not in rules.ports:
        allowed = ", ".join(map(str, sorted(rules.ports)))
        raise Unprocessable(f"The port of a webhook's URL must be one of {allowed}, not {port}.")
    if _is_address(host) and not is_public(host):
        raise Unprocessable("The URL of a webhook must not have a private address.")
    return endpoint


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
