"""A JSON body into its elements, so that one bad element never spoils its batch.

The quick way is msgspec's; where one element is bad (NaN, a lone surrogate, deep nesting) the array is cut at its
top-level commas without reading what lies between them, and each element is decoded by itself.
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
"""Brackets and quotes of a body that is cut step by step; with more, finding the bad element would cost too much."""

MAX_READ_LENIENTLY: Final = 1 << 20
_COMMAS_PER_ELEMENT: Final = 32
"""With more commas than this, an array is cut step by step, so that one of millions of elements is never held whole."""


def split_array(body: bytes, most: int) -> list[bytes]:
    """The elements of a JSON array, undecoded.

    BadRequest where the body is no array, TooLarge where it has more than `most` elements.
    """
    if body.count(b",") <= most * _COMMAS_PER_ELEMENT:
        try:
            elements = [bytes(element) for element in _raw_array.decode(body)]
        except (msgspec.DecodeError, RecursionError):
            elements = _cut_at_commas(body.strip(_WHITESPACE), most)
    else:
        elements = _cut_at_commas(body.strip(_WHITESPACE), most)
    if len(elements) > most:
        raise TooLarge(f"The request holds more than {most} events, which is the most that one request may hold.")
    return elements


def read_one(body: bytes) -> bytes:
    """The one JSON object of a body, undecoded. BadRequest where the body is no JSON object.

    An object that only strict readers refuse (NaN, a lone surrogate, deep nesting) is passed on, to be quarantined.
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
    if len(text) > MAX_READ_LENIENTLY:
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


def _cut_at_commas(text: bytes, most: int) -> list[bytes]:
    """Cut an array at its top-level commas; a little more than `most` elements at the most.

    BadRequest where brackets or quotes do not match. A comma too many stands for an empty element, bad in itself.
    """
    unmatched = BadRequest("The body is not a JSON array: its brackets or quotes do not match.")
    if sum(map(text.count, (b"[", b"{", b'"'))) > _MAX_MARKS:
        raise BadRequest("The body is not JSON, and it is too large and too intricate to find out where.")
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
        if len(elements) > most:
            return elements
    if expected or begin != len(text) or not elements:
        raise unmatched
    return [] if elements == [b""] else elements
