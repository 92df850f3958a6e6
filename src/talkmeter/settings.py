"""Every setting in one table: environment variable = flag = documentation."""

import os
from typing import Final, NamedTuple

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
    Setting("database_url", "sqlite:///talkmeter.db", "Where the ledger is: sqlite:///FILE."),
    Setting("host", "127.0.0.1", "Address to listen on."),
    Setting("port", "8000", "Port to listen on.", 1, 65535),
    Setting("workers", "1", "Worker processes.", 1, 1),
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
    return text


def _read_integer(setting: Setting, text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        allowed = f"a whole number from {least} to {most}" if least < most else f"{least} in this version"
        raise Misconfigured(f"{setting.variable} must be {allowed}, not '{text}'.")
    return number
