"""Form decoding for carriers, in bytes throughout: a signature covers bytes, whatever their text encoding."""

from typing import Final
from urllib.parse import unquote_to_bytes

from talkmeter.ingest.connectors.provider import NotUnderstood, NotVerified

FORM: Final = "application/x-www-form-urlencoded"
MAX_FIELDS: Final = 1_000
"""More than any carrier sends. Sorting a body of millions of ampersands would waste time."""

Form = dict[bytes, list[bytes]]
"""The values of each name, in order."""


def read_form(text: bytes, error: type[NotVerified | NotUnderstood]) -> Form:
    """Return the fields of a form or of an address's query. Empty values are kept.

    Raises `error` if there are too many fields.
    """
    if text.count(b"&") >= MAX_FIELDS:
        raise error(f"The form has more than {MAX_FIELDS} fields.")
    form: Form = {}
    for field in text.split(b"&"):
        if field:
            name, _, value = field.partition(b"=")
            form.setdefault(_decode(name), []).append(_decode(value))
    return form


def form_text(form: Form, name: str) -> str:
    """Return the first value of a field as text, "" if the field is missing."""
    try:
        return form.get(name.encode(), [b""])[0].decode()
    except UnicodeDecodeError:
        raise NotUnderstood(f"{name} must be UTF-8.") from None


def _decode(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
