"""All settings in one table, from which flags, environment variables and documentation are derived."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec
from dotenv import dotenv_values

from talkmeter.errors import Misconfigured, quoted
from talkmeter.setting_values import PREFIX, Setting, parse_setting
from talkmeter.urls import is_loopback

_OTHER_VARIABLES: Final = frozenset(
    PREFIX + name for name in ("URL", "KEY", "TWILIO_URL", "VAPI_URL", "RETELL_URL", "CHROMIUM")
)
"""Variables with the prefix that are not settings: of talkmeter_client, `talkmeter reconcile` and the tests."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The values of all settings; the defaults are in the table below."""

    database_url: str
    database_wait_sec: int
    host: str
    port: int
    workers: int
    connections: int
    head_timeout_sec: int
    public_url: str
    history_days: int | None
    retention_days: int | None
    log_level: str
    metrics_open: bool
    metrics_token: str
    known_organizations_only: bool
    max_body_bytes: int
    max_events: int
    body_timeout_sec: int
    queue_bytes: int
    queue_events: int
    write_lanes: int
    commit_timeout_sec: int
    reader_threads: int
    query_timeout_sec: int
    answer_bytes: int
    stale_hours: int
    export_bytes: int
    secret_key: str
    outgoing_origins: str
    outgoing_ports: str
    smtp_url: str
    email_from: str
    email_domains: str
    plans_url: str
    provider_name: str
    stripe_key: str
    stripe_key_file: str
    stripe_url: str
    cors_origins: str
    session_days: int
    session_idle_hours: int
    jwt_issuer: str
    jwt_audience: str
    jwt_jwks_url: str
    jwt_organizations_claim: str
    jwt_role_claim: str
    jwt_scopes_claim: str


SETTINGS: Final = (
    Setting(
        "database_url",
        "sqlite:///talkmeter.db",
        "Database URL: sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
    ),
    Setting(
        "database_wait_sec",
        "60",
        "Seconds that serve waits for PostgreSQL at its start; then it exits with an error.",
        0,
        3600,
    ),
    Setting("host", "127.0.0.1", "IP address or host name to listen on."),
    Setting("port", "8000", "Port to listen on.", 1, 65535),
    Setting("workers", "1", "Number of worker processes.", 1, 64),
    Setting(
        "connections", "10000", "Maximum concurrent connections per worker; further connections wait.", 16, 1_000_000
    ),
    Setting(
        "head_timeout_sec",
        "30",
        "Timeout in seconds for a request's headers, and for idle keep-alive connections.",
        1,
        3600,
    ),
    Setting("public_url", "", "URL at which users reach the service; empty: http://HOST:PORT."),
    Setting(
        "history_days",
        "",
        "Days to keep received states; empty: forever; 0: no history. Winning states are always kept.",
        0,
        36500,
    ),
    Setting(
        "retention_days",
        "",
        "Days to keep records, their history and quarantined events; empty: forever. Daily totals are always kept.",
        1,
        36500,
    ),
    Setting("log_level", "info", "Minimum log level: debug, info, warning or error."),
    Setting("metrics_open", "false", "Whether other machines may read /metrics; loopback always may."),
    Setting(
        "metrics_token",
        "",
        "Bearer token with which other machines may read /metrics, 16 characters or more; empty: none.",
        secret=True,
    ),
    Setting(
        "known_organizations_only",
        "false",
        "Whether only existing organizations get events; a sender key's events of others go to quarantine.",
    ),
    Setting("max_body_bytes", "16777216", "Maximum size of a decompressed request body, in bytes.", 1024, 1 << 30),
    Setting("max_events", "10000", "Maximum number of events in one request.", 1, 100_000),
    Setting("body_timeout_sec", "30", "Timeout in seconds for a request body.", 1, 3600),
    Setting(
        "queue_bytes",
        "67108864",
        "Maximum size of the write queue in bytes of request bodies; beyond it: 503. "
        "Unverified webhooks have another quarter.",
        1024,
        1 << 32,
    ),
    Setting("queue_events", "40000", "Maximum number of events in the write queue; beyond it: 503.", 1, 10_000_000),
    Setting("write_lanes", "4", "Number of threads that write to PostgreSQL; SQLite has one.", 1, 64),
    Setting("commit_timeout_sec", "30", "Timeout in seconds for a write transaction; beyond it: 503.", 1, 3600),
    Setting("reader_threads", "4", "Number of threads that run queries.", 1, 64),
    Setting("query_timeout_sec", "30", "Timeout in seconds for a query; beyond it: 503.", 1, 45),
    Setting(
        "answer_bytes",
        "16777216",
        "Size of the cache of query responses, in bytes; half of it for one organization.",
        0,
        1 << 32,
    ),
    Setting("stale_hours", "24", "Hours without an event after which a live conversation is stale.", 1, 8760),
    Setting(
        "export_bytes",
        "2147483648",
        "Maximum total size of the temporary files of running exports, in bytes; beyond it, or half of it for one "
        "organization: 507.",
        1024,
        1 << 50,
    ),
    Setting(
        "secret_key",
        "",
        "Key that encrypts the secrets of connectors and webhooks. Comma-separated for rotation: the first encrypts, "
        "all decrypt.",
        secret=True,
    ),
    Setting(
        "outgoing_origins",
        "",
        "Comma-separated origins at which webhooks may have private addresses, other ports and http; only your own.",
    ),
    Setting("outgoing_ports", "443", "Comma-separated ports that the URLs of webhooks may have."),
    Setting(
        "smtp_url",
        "",
        "Server for e-mails: smtps://user:password@host, or smtp:// with STARTTLS; empty: no e-mails.",
        secret=True,
    ),
    Setting("email_from", "", "Sender of e-mails, such as Usage <usage@example.com>."),
    Setting("email_domains", "", "Comma-separated domains whose addresses get e-mails without a confirmation."),
    Setting("plans_url", "", "URL of your plans and billing page, linked from the usage page; empty: no link."),
    Setting("provider_name", "Talkmeter", "Name of the company that sends invoices, for the FOCUS export."),
    Setting(
        "stripe_key", "", "Secret key of your Stripe account, for 'talkmeter statements push stripe'.", secret=True
    ),
    Setting("stripe_key_file", "", "File that contains the key of Stripe, instead of TALKMETER_STRIPE_KEY."),
    Setting(
        "stripe_url", "https://api.stripe.com", "Address of Stripe's API or of a proxy: https, or http on this machine."
    ),
    Setting(
        "cors_origins",
        "",
        "Comma-separated origins of other sites whose pages may read /admin with a bearer token (CORS).",
    ),
    Setting("session_days", "7", "Lifetime of a browser session, in days.", 1, 7),
    Setting("session_idle_hours", "12", "Idle timeout of a browser session, in hours.", 1, 168),
    Setting("jwt_issuer", "", "Issuer (iss) of your identity provider's tokens; empty: JWTs are not accepted."),
    Setting("jwt_audience", "", "Audience (aud) that a JWT must have."),
    Setting("jwt_jwks_url", "", "Public keys (JWKS) of your identity provider: an https URL or a file."),
    Setting("jwt_organizations_claim", "org_id", "JWT claim with the organization or a list of organizations."),
    Setting("jwt_role_claim", "role", "JWT claim with the role (admin or viewer) or a list of roles."),
    Setting("jwt_scopes_claim", "scope", "JWT claim with the scopes: a list, or names separated by spaces."),
)


class SettingText(NamedTuple):
    """The text of a setting, and its source: flag, environment, .env or default."""

    text: str
    source: str


def find_settings(**flags: str | int | None) -> dict[str, SettingText]:
    """Return each setting from its flag (None: not set), the environment, `.env` or its default, in this order.

    Raises Misconfigured if the environment or `.env` has an unknown variable with the prefix.
    """
    sources: dict[str, Mapping[str, str | None]] = {
        "flag": {PREFIX + name.upper(): None if flag is None else str(flag) for name, flag in flags.items()},
        "environment": os.environ,
        ".env": _read_env_file(),
    }
    for source, variables in sources.items():
        _check_names(source, variables)
    found = {}
    for setting in SETTINGS:
        texts = ((source, variables.get(setting.variable)) for source, variables in sources.items())
        source, text = next(
            ((source, text) for source, text in texts if text is not None), ("default", setting.default)
        )
        if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
            raise Misconfigured(f"{setting.variable} is not UTF-8: {quoted(text)}.")
        found[setting.name] = SettingText(text.strip(), source)
    return found


def _check_names(source: str, variables: Iterable[str]) -> None:
    """Raise Misconfigured for an unknown variable: a misspelled setting would have no effect."""
    known = {setting.variable for setting in SETTINGS} | _OTHER_VARIABLES
    for name in sorted(variables):
        if name.upper().startswith(PREFIX) and name not in known:
            nearest = get_close_matches(name.upper().removeprefix(PREFIX), [row.name.upper() for row in SETTINGS], n=1)
            hint = (
                f"the nearest one is {PREFIX}{nearest[0]}."
                if nearest
                else "'talkmeter serve --help' lists all settings."
            )
            where = "the file .env" if source == ".env" else f"the {source}"
            raise Misconfigured(f"Unknown setting {name} in {where}: {hint}")


def load_settings(**flags: str | int | None) -> Settings:
    """Load each setting from its flag (None: not set), the environment, `.env` or its default, in this order.

    Raises Misconfigured with the variable, its value and the allowed values, or for an unknown variable.
    """
    texts = find_settings(**flags)
    return msgspec.convert({row.name: parse_setting(row, texts[row.name].text) for row in SETTINGS}, Settings)


def _read_env_file() -> dict[str, str | None]:
    try:
        return dotenv_values(".env")
    except (OSError, UnicodeDecodeError):
        raise Misconfigured("The file .env in the working folder cannot be read, or it is not UTF-8.") from None


def require_no_password(flag: str, url: str) -> None:
    """Raise Misconfigured if a database URL on the command line contains a password."""
    try:
        parts = urlsplit(url)
        secret = bool(parts.password) or "password" in parse_qs(parts.query)
    except ValueError:
        # An error about the URL itself is raised when it is opened.
        return
    if secret:
        raise Misconfigured(
            f"{flag} must not contain a password, because other users of the machine can see flags. "
            "Put the URL into TALKMETER_DATABASE_URL or the password into a password file (~/.pgpass)."
        )


def default_settings() -> Settings:
    """Return the defaults, ignoring the environment."""
    return msgspec.convert({setting.name: parse_setting(setting, setting.default) for setting in SETTINGS}, Settings)


def public_url(settings: Settings) -> str:
    """Return the URL at which users reach the service, without a trailing slash."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


def public_url_is_private(settings: Settings) -> bool:
    """Return whether others cannot read traffic to the public URL: it uses https or is a loopback address."""
    parts = urlsplit(public_url(settings))
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def outgoing_origins(settings: Settings) -> frozenset[str]:
    """Return the origins at which everything is allowed for webhooks."""
    return frozenset(settings.outgoing_origins.split(",")) - {""}


def outgoing_ports(settings: Settings) -> frozenset[int]:
    """Return the ports that the URLs of webhooks may have."""
    return frozenset(int(port) for port in settings.outgoing_ports.split(",") if port)


def cors_origins(settings: Settings) -> frozenset[str]:
    """Return the origins of other sites that may read responses."""
    return frozenset(settings.cors_origins.split(",")) - {""}
