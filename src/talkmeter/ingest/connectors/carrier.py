"""What carriers' messages have in common: seconds in digits, our own numbers, the agent that an address names.

No sentence shows a value: it may be a caller's number.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from talkmeter.ingest.connectors.forms import read_form, text_of
from talkmeter.ingest.connectors.payload import read_optional
from talkmeter.ingest.connectors.provider import NotUnderstood, NotVerified
from talkmeter.ingest.connectors.verification import as_bytes
from talkmeter.ingest.fields import MAX_DURATION_SEC

AGENT: Final = "agent"
"""The name in the query of a connector's address by which an operator says whose calls come there."""

_NUMBER: Final = re.compile(r"\+?[0-9]{3,15}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_TYPE: Final = re.compile(r"[A-Za-z0-9_. -]{1,60}")


def read_seconds(name: str, text: str) -> int:
    """A required number of whole seconds, written in digits."""
    if _SECONDS.fullmatch(text) is None or int(text) > MAX_DURATION_SEC:
        raise NotUnderstood(f"{name} must be a whole number of seconds from 0 to {MAX_DURATION_SEC}.")
    return int(text)


def own_number(address: str | None) -> str | None:
    """One of our addresses as `agent_number`; None where it is no telephone number (a SIP address, a name)."""
    return address if address and _NUMBER.fullmatch(address) else None


def unmetered_type(text: str) -> str:
    """The name of a type that is not metered, as it may stand in a list of such."""
    return text if _TYPE.fullmatch(text) else "other"


def split_url(url: str, refusal: type[NotVerified | NotUnderstood]) -> SplitResult:
    """The parts of the address that a message was sent to."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  it is read here because reading it may raise
    except ValueError:
        raise refusal("The address that the message was sent to cannot be read.") from None
    return parts


def read_agent(url: str) -> str | None:
    """The agent that the query of a connector's address names (`?agent=…`), where the operator wrote one."""
    fields = read_form(as_bytes(split_url(url, NotUnderstood).query), NotUnderstood)
    return read_optional(f"'{AGENT}' in the connector's address", text_of(fields, AGENT))
