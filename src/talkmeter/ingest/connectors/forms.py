"""Forms, as carriers send them and as they sign them: bytes all along, so that no encoding stands in a proof's way."""

from typing import Final
from urllib.parse import unquote_to_bytes

from talkmeter.ingest.connectors.provider import NotUnderstood, NotVerified

FORM: Final = "application/x-www-form-urlencoded"
MAX_FIELDS: Final = 1_000
"""More than any carrier sends; a body of millions of ampersands is not worth sorting."""

Form = dict[bytes, list[bytes]]
"""The values of each name, in their order."""


def read_form(text: bytes, refusal: type[NotVerified | NotUnderstood]) -> Form:
    """The fields of a form or of an address's query; an empty value is a value."""
    if text.count(b"&") >= MAX_FIELDS:
        raise refusal(f"The form has more than {MAX_FIELDS} fields.")
    form: Form = {}
    for field in text.split(b"&"):
        if field:
            name, _, value = field.partition(b"=")
            form.setdefault(_decoded(name), []).append(_decoded(value))
    return form


def text_of(form: Form, name: str) -> str:
    """The first value of a field as text; empty where the field is missing."""
    try:
        return form.get(name.encode(), [b""])[0].decode()
    except UnicodeDecodeError:
        raise NotUnderstood(f"{name} must be UTF-8.") from None


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
