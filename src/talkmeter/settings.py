"""Every setting in one table: environment variable = flag = documentation."""

import os
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import msgspec
from dotenv import dotenv_values

from talkmeter.errors import Misconfigured

PREFIX: Final = "TALKMETER_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may set; the defaults are those of the table below."""

    database_url: str
    host: str
    port: int
    workers: int
    connections: int
    head_timeout_sec: int
    public_url: str
    history_days: int | None
    log_level: str
    metrics_open: bool
    max_body_bytes: int
    max_events: int
    body_timeout_sec: int
    queue_bytes: int
    queue_events: int
    reader_threads: int
    answer_bytes: int
    stale_hours: int
    export_bytes: int
    secret_key: str
    plans_url: str
    cors_origins: str
    session_days: int
    session_idle_hours: int
    jwt_issuer: str
    jwt_audience: str
    jwt_jwks_url: str
    jwt_organizations_claim: str
    jwt_role_claim: str
    jwt_scopes_claim: str


class Setting(NamedTuple):
    """One row of the table: the name without prefix, its default as written in the environment, what it does."""

    name: str
    default: str
    help: str
    least: int | None = None
    most: int | None = None

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()


SETTINGS: Final = (
    Setting(
        "database_url",
        "sqlite:///talkmeter.db",
        "Where the ledger is: sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
    ),
    Setting("host", "127.0.0.1", "Address to listen on."),
    Setting("port", "8000", "Port to listen on.", 1, 65535),
    Setting("workers", "1", "Worker processes.", 1, 64),
    Setting("connections", "10000", "Connections of one worker at once; more wait until one ends.", 16, 1_000_000),
    Setting(
        "head_timeout_sec",
        "30",
        "Seconds within which a request's head must arrive; a connection idle for so long is closed.",
        1,
        3600,
    ),
    Setting("public_url", "", "Address under which people reach the service; empty: http://HOST:PORT."),
    Setting(
        "history_days",
        "",
        "Days for which every received state is kept; empty: for ever; 0: no history. A winning state always stays.",
        0,
        36500,
    ),
    Setting("log_level", "info", "Least severe log line written: debug, info, warning or error."),
    Setting("metrics_open", "false", "Whether /metrics answers to other machines; it always answers on loopback."),
    Setting("max_body_bytes", "16777216", "Largest request body, decoded.", 1024, 1 << 30),
    Setting("max_events", "10000", "Most events in one request.", 1, 100_000),
    Setting("body_timeout_sec", "30", "Seconds within which a request body must arrive.", 1, 3600),
    Setting("queue_bytes", "67108864", "Bytes of bodies that may wait before the writer; beyond: 503.", 1024, 1 << 32),
    Setting("queue_events", "40000", "Events that may wait before the writer; beyond: 503.", 1, 10_000_000),
    Setting("reader_threads", "4", "Threads that answer queries.", 1, 64),
    Setting("answer_bytes", "16777216", "Bytes of encoded answers kept at hand under their ETags.", 0, 1 << 32),
    Setting("stale_hours", "24", "Hours without an event after which a live conversation counts as stale.", 1, 8760),
    Setting(
        "export_bytes",
        "2147483648",
        "Bytes that exports on their way may fill in the folder for temporary files; beyond: 507.",
        1024,
        1 << 50,
    ),
    Setting("secret_key", "", "Encrypts the secrets of connectors; of several, with commas, the first does."),
    Setting("plans_url", "", "Address of your plans and billing page, linked from the usage page; empty: no link."),
    Setting("cors_origins", "", "Origins of other sites whose pages may read /admin with a bearer token."),
    Setting("session_days", "7", "Days after which a browser must sign in again.", 1, 7),
    Setting("session_idle_hours", "12", "Hours without a request after which a browser must sign in again.", 1, 168),
    Setting("jwt_issuer", "", "Issuer (iss) of your identity provider's tokens; empty: no JWT is taken."),
    Setting("jwt_audience", "", "Audience (aud) that a JWT must be meant for."),
    Setting("jwt_jwks_url", "", "Where your identity provider's public keys (JWKS) are: https address or file."),
    Setting("jwt_organizations_claim", "org_id", "JWT claim that names the organization, or a list of them."),
    Setting("jwt_role_claim", "role", "JWT claim that holds the role: admin or viewer, or a list."),
    Setting("jwt_scopes_claim", "scope", "JWT claim that holds scopes: a list, or names with spaces between."),
)

_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def load_settings(**given: str | int | None) -> Settings:
    """Settings from flags (`given`, None = not given), then the environment, then `.env`, then the defaults.

    Misconfigured names the variable, what it holds and what is allowed.
    """
    environment = {**dotenv_values(".env"), **os.environ}
    values: dict[str, object] = {}
    for setting in SETTINGS:
        flag = given.get(setting.name)
        text = str(flag) if flag is not None else environment.get(setting.variable)
        values[setting.name] = _read(setting, setting.default if text is None else text.strip())
    return msgspec.convert(values, Settings)


def default_settings() -> Settings:
    """The table's defaults, whatever the environment says."""
    return msgspec.convert({setting.name: _read(setting, setting.default) for setting in SETTINGS}, Settings)


def public_url(settings: Settings) -> str:
    """The address under which people reach the service, without a slash at its end."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


def public_url_is_private(settings: Settings) -> bool:
    """Whether what passes under the public address is safe from others: it is https, or never leaves this machine."""
    parts = urlsplit(public_url(settings))
    return parts.scheme == "https" or _is_loopback(parts.hostname or "")


def cors_origins(settings: Settings) -> frozenset[str]:
    """The origins of other sites that may read answers."""
    return frozenset(settings.cors_origins.split(",")) - {""}


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read(setting: Setting, text: str) -> object:
    if setting.least is not None and setting.most is not None:
        if text == "" == setting.default:
            return None
        return _read_integer(setting, text, setting.least, setting.most)
    if setting.default in _BOOLEANS:
        if text.lower() not in _BOOLEANS:
            raise Misconfigured(f"{setting.variable} must be true or false, not '{text}'.")
        return _BOOLEANS[text.lower()]
    if setting.name == "log_level" and text.lower() not in _LOG_LEVELS:
        raise Misconfigured(f"{setting.variable} must be one of {', '.join(_LOG_LEVELS)}, not '{text}'.")
    if setting.name in _ADDRESSES:
        return _ADDRESSES[setting.name](setting, text)
    return text


def _read_origin(setting: Setting, text: str) -> str:
    """An origin as browsers write it: scheme, host and port in lower case, nothing after them."""
    address = _split_address(text.rstrip("/"))
    if text and (address is None or address.path or address.query or address.fragment or address.username is not None):
        message = f"{setting.variable} must look like https://usage.example.com, without a path, not '{text}'."
        raise Misconfigured(message)
    if address is None:
        return ""
    default_port = {"http": ":80", "https": ":443"}[address.scheme]
    return f"{address.scheme}://{address.netloc.lower().removesuffix(default_port)}"


def _read_origins(setting: Setting, text: str) -> str:
    return ",".join(_read_origin(setting, one.strip()) for one in text.split(",") if one.strip())


def _read_address(setting: Setting, text: str) -> str:
    if text and _split_address(text) is None:
        raise Misconfigured(f"{setting.variable} must be an address that begins with https://, not '{text}'.")
    return text


def _read_keys_address(setting: Setting, text: str) -> str:
    """An address whose answer nobody on the way can change, or a file."""
    address = _split_address(text)
    if address is None and "://" not in text:
        return text
    if address is None or not (address.scheme == "https" or _is_loopback(address.hostname or "")):
        allowed = "begin with https:// (http:// on this machine only) or be the path of a file"
        raise Misconfigured(f"{setting.variable} must {allowed}, not '{text}'.")
    return text


def _split_address(text: str) -> SplitResult | None:
    """The parts of an http or https address with a host; None where the text is none."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable and text.isascii() and text.isprintable() and " " not in text else None


_ADDRESSES: Final[dict[str, Callable[[Setting, str], str]]] = {
    "public_url": _read_origin,
    "cors_origins": _read_origins,
    "plans_url": _read_address,
    "jwt_jwks_url": _read_keys_address,
}


def _read_integer(setting: Setting, text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        allowed = f"a whole number from {least} to {most}" if least < most else f"{least} in this version"
        raise Misconfigured(f"{setting.variable} must be {allowed}, not '{text}'.")
    return number
