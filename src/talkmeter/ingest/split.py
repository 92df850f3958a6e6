"""A JSON body into its elements, so that one bad element never spoils its batch.

The quick way is msgspec's; where one element is bad (NaN, a lone surrogate, deep nesting) the array is cut at its
top-level commas without reading what lies between them, and each element is decoded by itself.
"""

import json
import re
from typing import Final

import msgspec

from talkmeter.errors import BadRequest

_raw_array: Final = msgspec.json.Decoder(list[msgspec.Raw])
_raw_value: Final = msgspec.json.Decoder(msgspec.Raw)
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)
_WHITESPACE: Final = b" \t\r\n"


def split_array(body: bytes) -> list[bytes]:
    """The elements of a JSON array, undecoded. BadRequest where the body is no array."""
    try:
        return [bytes(element) for element in _raw_array.decode(body)]
    except (msgspec.DecodeError, RecursionError):
        elements = _cut_at_commas(body.strip(_WHITESPACE))
    if elements is None:
        message = "The body is not a JSON array: its brackets or quotes do not match."
        raise BadRequest(message)
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
    try:
        json.loads(text.decode("utf-8", "replace"))
    except ValueError:
        return False
    except RecursionError:
        return _cut_at_commas(b"[" + text + b"]") is not None
    return True


def _cut_at_commas(text: bytes) -> list[bytes] | None:
    """Cut an array at its top-level commas; None where brackets or quotes do not match."""
    if not (text.startswith(b"[") and text.endswith(b"]")):
        return None
    elements: list[bytes] = []
    depth, begin, end = 0, 1, 0
    for token in _TOKEN.finditer(text):
        symbol = token.group()
        if symbol in b"[{":
            depth += 1
        elif symbol in b"]}":
            depth -= 1
            if depth == 0:
                end = token.start()
                break
        elif symbol == b"," and depth == 1:
            elements.append(text[begin : token.start()].strip(_WHITESPACE))
            begin = token.end()
    if depth != 0 or end != len(text) - 1:
        return None
    last = text[begin:end].strip(_WHITESPACE)
    return [*elements, last] if elements or last else []
