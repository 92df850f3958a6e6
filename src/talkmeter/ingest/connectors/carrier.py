"""Helpers for several providers: seconds in digits, phone numbers, message types, the agent in a connector's address.

No error sentence shows a value: it may be a caller's number.
"""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from talkmeter.ingest.connectors.forms import form_text, read_form
from talkmeter.ingest.connectors.payload import read_optional
from talkmeter.ingest.connectors.provider import NotUnderstood, NotVerified
from talkmeter.ingest.connectors.verification import as_bytes
from talkmeter.ingest.fields import MAX_DURATION_SEC
from talkmeter_client.vocabulary import ConversationStatus

AGENT: Final = "agent"
"""The query parameter in a connector's address with which an operator names the agent of the calls."""

_NUMBER: Final = re.compile(r"\+?[0-9]{3,15}")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_TYPE: Final = re.compile(r"[A-Za-z0-9_. -]{1,60}")


def read_seconds(name: str, text: str) -> int:
    """Return a required field as whole seconds."""
    if _SECONDS.fullmatch(text) is None or int(text) > MAX_DURATION_SEC:
        raise NotUnderstood(f"{name} must be a whole number of seconds from 0 to {MAX_DURATION_SEC}.")
    return int(text)


def answered_status(seconds: str) -> ConversationStatus:
    """Return the status of an ended call whose own status is unknown: completed only if it lasted some seconds."""
    return "completed" if _SECONDS.fullmatch(seconds) and int(seconds) > 0 else "failed"


def as_phone_number(address: str | None) -> str | None:
    """Return the address if it is a phone number, else None (a SIP address, a name)."""
    return address if address and _NUMBER.fullmatch(address) else None


def type_label(text: str) -> str:
    """Return the type of an ignored message, or "other" if it is too long or has unusual characters."""
    return text if _TYPE.fullmatch(text) else "other"


def split_url(url: str, error: type[NotVerified | NotUnderstood]) -> SplitResult:
    """Return the parts of the address that a message was sent to. Raises `error` if it is malformed."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading the port raises ValueError if it is invalid
    except ValueError:
        raise error("The address that the message was sent to is malformed.") from None
    return parts


def agent_from_url(url: str) -> str | None:
    """Return the agent that the connector's address names (`?agent=…`), None if it names none."""
    fields = read_form(as_bytes(split_url(url, NotUnderstood).query), NotUnderstood)
    return read_optional(f"'{AGENT}' in the connector's address", form_text(fields, AGENT))
