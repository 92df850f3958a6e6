"""Split a JSON array into undecoded elements, so one invalid element does not fail its batch.

msgspec does it fast. If it rejects an element (NaN, a lone surrogate, deep nesting), the array is cut at its top-level
commas instead, without parsing the elements, which are then decoded one by one.
"""

import json
import re
from typing import Final

import msgspec

from talkmeter.errors import BadRequest, TooLarge

_raw_array: Final = msgspec.json.Decoder(list[msgspec.Raw])
_raw_value: Final = msgspec.json.Decoder(msgspec.Raw)
_STRING: Final = rb'"(?:[^"\\]|\\.)*+"'
_TOP_TOKEN: Final = re.compile(_STRING + rb'|["\[\]{},]', re.DOTALL)
_INNER_TOKEN: Final = re.compile(_STRING + rb'|["\[\]{}]', re.DOTALL)
_WHITESPACE: Final = b" \t\r\n"
_CLOSING: Final = {b"[": b"]", b"{": b"}"}
_MAX_MARKS: Final = 2_000_000
"""The most brackets and quotes in a body that is cut at commas; more would take too long."""

MAX_LENIENT_BYTES: Final = 1 << 20
_COMMAS_PER_ELEMENT: Final = 32
"""Arrays with more commas per allowed element are cut at commas, which stops early: an array may have millions."""


def split_array(body: bytes, max_elements: int) -> list[bytes]:
    """Return the undecoded elements of a JSON array.

    Raises BadRequest if the body is not an array, TooLarge if it has more than `max_elements`.
    """
    if body.count(b",") <= max_elements * _COMMAS_PER_ELEMENT:
        try:
            elements = [bytes(element) for element in _raw_array.decode(body)]
        except (msgspec.DecodeError, RecursionError):
            elements = _cut_at_commas(body.strip(_WHITESPACE), max_elements)
    else:
        elements = _cut_at_commas(body.strip(_WHITESPACE), max_elements)
    if len(elements) > max_elements:
        raise TooLarge(f"The request has more than {max_elements} events, the maximum for one request.")
    return elements


def read_object(body: bytes) -> bytes:
    """Return the undecoded JSON object of a body. Raises BadRequest if the body is not a JSON object.

    An object that only strict parsers reject (NaN, a lone surrogate, deep nesting) is returned, to be quarantined.
    """
    text = body.strip(_WHITESPACE)
    try:
        _raw_value.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if not _is_lenient_json(text):
            message = "The body is not JSON."
            raise BadRequest(message) from None
    if not text.startswith(b"{"):
        message = "The body must be a JSON object: one CloudEvent."
        raise BadRequest(message)
    return text


def _is_lenient_json(text: bytes) -> bool:
    if len(text) > MAX_LENIENT_BYTES:
        return _is_balanced(text)
    try:
        json.loads(text.decode("utf-8", "replace"))
    except ValueError:
        return False
    except RecursionError:
        return _is_balanced(text)
    return True


def _is_balanced(text: bytes) -> bool:
    try:
        return len(_cut_at_commas(b"[" + text + b"]", 1)) == 1
    except BadRequest:
        return False


def _cut_at_commas(text: bytes, max_elements: int) -> list[bytes]:
    """Cut an array at its top-level commas; stop after one element more than `max_elements`.

    A superfluous comma makes an empty element, which is invalid itself. Raises BadRequest if brackets or quotes do not
    match.
    """
    unmatched = BadRequest("The body is not a JSON array: its brackets or quotes do not match.")
    if sum(map(text.count, (b"[", b"{", b'"'))) > _MAX_MARKS:
        raise BadRequest("The body is not valid JSON, and it is too large to find the invalid event.")
    elements: list[bytes] = []
    expected = bytearray()
    begin = end = 0
    while token := (_TOP_TOKEN if len(expected) < 2 else _INNER_TOKEN).search(text, end):
        symbol, end = token.group(), token.end()
        if symbol in _CLOSING:
            expected += _CLOSING[symbol]
            if len(expected) == 1:
                if token.start() != 0 or symbol != b"[":
                    raise unmatched
                begin = end
        elif symbol == b'"' or not expected or (symbol in b"]}" and expected.pop() != symbol[0]):
            raise unmatched
        if not expected or (symbol == b"," and len(expected) == 1):
            elements.append(text[begin : token.start()].strip(_WHITESPACE))
            begin = end
        if len(elements) > max_elements:
            return elements
    if expected or begin != len(text) or not elements:
        raise unmatched
    return [] if elements == [b""] else elements
