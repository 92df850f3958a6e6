"""What a setting is, and how its text becomes a value."""

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from talkmeter.errors import Misconfigured
from talkmeter.urls import is_loopback, split_url

PREFIX: Final = "TALKMETER_"
MIN_TOKEN: Final = 16
_TOKEN: Final = re.compile(f"[ -~]{{{MIN_TOKEN},}}")
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Setting(NamedTuple):
    """One setting: its name without prefix, its default as environment text, its help text and its bounds.

    The value of a secret is never shown.
    """

    name: str
    default: str
    help: str
    minimum: int | None = None
    maximum: int | None = None
    secret: bool = False
    """Whether it has no flag: other users of the machine can see the flags of a process."""

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The flag of `talkmeter serve`."""
        return f"--{self.name.replace('_', '-')}"


def parse_setting(setting: Setting, text: str) -> object:
    """Return the value in the text of a setting. Raises Misconfigured if it is not allowed."""
    if setting.minimum is not None and setting.maximum is not None:
        if text == "" == setting.default:
            return None
        return _parse_integer(setting, text, setting.minimum, setting.maximum)
    if setting.default in _BOOLEANS:
        if text.lower() not in _BOOLEANS:
            raise Misconfigured(f"{setting.variable} must be true or false, not '{text}'.")
        return _BOOLEANS[text.lower()]
    if setting.name == "log_level" and text.lower() not in _LOG_LEVELS:
        raise Misconfigured(f"{setting.variable} must be one of {', '.join(_LOG_LEVELS)}, not '{text}'.")
    if setting.name == "metrics_token" and text and not _TOKEN.fullmatch(text):
        raise Misconfigured(f"{setting.variable} must have at least {MIN_TOKEN} printable ASCII characters.")
    if setting.name in _PARSERS:
        return _PARSERS[setting.name](setting, text)
    return text


def _parse_origin(setting: Setting, text: str) -> str:
    """Return an origin as browsers send it: scheme, host and port in lower case, and nothing else."""
    url = split_url(text.rstrip("/"))
    if text and (url is None or url.path or url.query or url.fragment or url.username is not None):
        message = f"{setting.variable} must look like https://usage.example.com, without a path, not '{text}'."
        raise Misconfigured(message)
    if url is None:
        return ""
    default_port = {"http": ":80", "https": ":443"}[url.scheme]
    return f"{url.scheme}://{url.netloc.lower().removesuffix(default_port)}"


def _parse_origins(setting: Setting, text: str) -> str:
    return ",".join(_parse_origin(setting, origin.strip()) for origin in text.split(",") if origin.strip())


def _parse_ports(setting: Setting, text: str) -> str:
    ports = [port.strip() for port in text.split(",")]
    return ",".join(str(_parse_integer(setting, port, 1, 65535)) for port in ports if port)


def _parse_url(setting: Setting, text: str) -> str:
    if text and split_url(text) is None:
        raise Misconfigured(f"{setting.variable} must be a URL that starts with https://, not '{text}'.")
    return text


def _parse_jwks_url(setting: Setting, text: str) -> str:
    """Return a URL whose response cannot be changed in transit (https or loopback), or the path of a file."""
    url = split_url(text)
    if url is None and "://" not in text:
        return text
    if url is None or not (url.scheme == "https" or is_loopback(url.hostname or "")):
        allowed = "begin with https:// (http:// on this machine only) or be the path of a file"
        raise Misconfigured(f"{setting.variable} must {allowed}, not '{text}'.")
    return text


def _parse_stripe_url(setting: Setting, text: str) -> str:
    """Return an origin to which the key can be sent: it uses https or is a loopback address."""
    origin = _parse_origin(setting, text)
    parts = urlsplit(origin)
    if not (parts.scheme == "https" or is_loopback(parts.hostname or "")):
        raise Misconfigured(
            f"{setting.variable} must begin with https:// (http:// on this machine only), not '{text}'."
        )
    return origin


_PARSERS: Final[dict[str, Callable[[Setting, str], str]]] = {
    "public_url": _parse_origin,
    "cors_origins": _parse_origins,
    "outgoing_origins": _parse_origins,
    "outgoing_ports": _parse_ports,
    "plans_url": _parse_url,
    "jwt_jwks_url": _parse_jwks_url,
    "stripe_url": _parse_stripe_url,
}


def _parse_integer(setting: Setting, text: str, minimum: int, maximum: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = minimum - 1
    if not minimum <= number <= maximum:
        allowed = f"a whole number from {minimum} to {maximum}" if minimum < maximum else f"{minimum} in this version"
        raise Misconfigured(f"{setting.variable} must be {allowed}, not '{text}'.")
    return number
