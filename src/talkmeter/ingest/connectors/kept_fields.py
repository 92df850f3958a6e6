"""What quarantine keeps of a provider's message: the fields in the provider's list, if their values are harmless.

A value is kept if it is an id, a word, a small number or an instant. So transcripts, names, addresses, secrets, and the
numbers of callers and cards are not stored, even in fields of the list.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.forms import FORM, form_text, read_form
from talkmeter.ingest.connectors.provider import Message, NotUnderstood, Provider
from talkmeter.period import LATEST_INSTANT

MAX_KEPT_LENGTH: Final = 128
MAX_FORM_BYTES: Final = 65_536
"""Only the beginning of a form is read. No carrier sends as much."""
_MAX_ENCODED: Final = 6 * MAX_KEPT_LENGTH
_WORD: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.:-]{{0,{MAX_KEPT_LENGTH - 1}}}", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
    r"|[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} ([+-][0-9]{4}|GMT|UTC)"
)
_SCHEME: Final = re.compile(r"[a-z]+:", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"(sips?|tel|client|mailto):", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{7,}(?![0-9A-Za-z])")
_MAX_DIGITS: Final = 6
"""More digits without a letter may be the number of a phone or a card."""
_MAX_NUMBER: Final = 10**_MAX_DIGITS - 1
_INSTANT_NAME: Final = re.compile(r"(time|timestamp|At|secs)$|^ts$", re.IGNORECASE)
_LATEST_SEC: Final = LATEST_INSTANT // MICROSECONDS_PER_SECOND
_EARLIEST_MS: Final = 100_000_000_000

Scalar = str | int | float | bool | None
_Tree = dict[str, "_Tree"]


def keep_fields(paths: tuple[str, ...], body: bytes, *, is_form: bool) -> bytes:
    """Return the JSON that quarantine keeps of a message.

    A path has the names of nested fields, separated by slashes.
    """
    fields = _form_fields(paths, body) if is_form else _json_fields(paths, body)
    kept = {path.replace("/", "."): value for path, value in fields if _is_safe(path, value)}
    return msgspec.json.encode({"body": kept, "form": True} if is_form else {"body": kept})


def is_harmless(text: str) -> bool:
    """Return whether a text is an id or a word, and not the number of a phone or a card, an address or a sentence."""
    if not _WORD.fullmatch(text) or _ADDRESS.match(text):
        return False
    rest = _SCHEME.sub("", text, count=1)
    if not any(map(str.isalpha, rest)):
        return sum(map(str.isdigit, rest)) <= _MAX_DIGITS
    return _UUID.fullmatch(rest) is not None or _NUMBER.search(rest) is None


def _form_fields(names: tuple[str, ...], body: bytes) -> Iterable[tuple[str, Scalar]]:
    try:
        form = read_form(body[:MAX_FORM_BYTES], NotUnderstood)
    except NotUnderstood:
        return
    for name in names:
        if name.encode() in form:
            try:
                yield name, form_text(form, name)
            except NotUnderstood:
                continue


def _json_fields(paths: tuple[str, ...], body: bytes) -> Iterable[tuple[str, Scalar]]:
    return _walk(body, _tree(paths), "")


@cache
def _tree(paths: tuple[str, ...]) -> _Tree:
    tree: _Tree = {}
    for path in paths:
        level = tree
        for name in path.split("/"):
            level = level.setdefault(name, {})
    return tree


@cache
def _struct(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """Return a struct that leaves the fields undecoded. All others are skipped, whatever they contain."""
    fields = [(f"f{n}", msgspec.Raw, msgspec.field(name=name, default=msgspec.Raw())) for n, name in enumerate(names)]
    return msgspec.defstruct("Fields", fields)


def _walk(raw: bytes, tree: _Tree, prefix: str) -> Iterable[tuple[str, Scalar]]:
    try:
        found = msgspec.json.decode(raw, type=_struct(tuple(tree)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for number, (name, inner) in enumerate(tree.items()):
        value = bytes(getattr(found, f"f{number}"))
        if inner:
            yield from _walk(value, inner, f"{prefix}{name}/")
        elif 0 < len(value) <= _MAX_ENCODED:
            try:
                yield f"{prefix}{name}", msgspec.json.decode(value, type=Scalar)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue


def _is_safe(path: str, value: Scalar) -> bool:
    name = path.rpartition("/")[2]
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) <= len(str(_LATEST_SEC * 1_000)):
            return _is_safe(path, int(value))
        return _DATE_TIME.fullmatch(value) is not None or is_harmless(value)
    if isinstance(value, bool) or value is None:
        return True
    return abs(value) <= _MAX_NUMBER or (_INSTANT_NAME.search(name) is not None and _is_instant(value))


def _is_instant(number: float) -> bool:
    """Return whether a number may be seconds or milliseconds since 1970."""
    return 0 <= number <= _LATEST_SEC or _EARLIEST_MS <= number <= _LATEST_SEC * 1_000


class _KeptMessage(msgspec.Struct):
    """What quarantine keeps of a message, with the names of nested fields separated by dots."""

    body: dict[str, Scalar]
    form: bool = False


def rebuild_message(provider: Provider, kept_fields: bytes, received_at: int, org_id: str) -> Message | None:
    """Return a message that contains what quarantine kept of one; None if the kept fields are not of a message."""
    try:
        kept = msgspec.json.decode(kept_fields, type=_KeptMessage)
    except msgspec.DecodeError:
        return None
    names = {path.replace("/", "."): path for path in provider.kept}
    values: dict[str, Scalar] = {**provider.replay_fields}
    values |= {names[name]: value for name, value in kept.body.items() if name in names}
    if kept.form:
        body, media_type = urlencode({name: str(value) for name, value in values.items()}).encode(), FORM
    else:
        body, media_type = msgspec.json.encode(_nested(values)), "application/json"
    return Message("POST", "", {"content-type": media_type}, body, received_at, org_id)


def _nested(values: dict[str, Scalar]) -> dict[str, object]:
    nested: dict[str, Any] = {}
    for path, value in values.items():
        level = nested
        *outer, name = path.split("/")
        for part in outer:
            level = level.setdefault(part, {})
        level[name] = value
    return nested
