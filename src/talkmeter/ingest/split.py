"""Split a JSON array into undecoded elements, so one invalid element does not fail its batch.

msgspec does it fast. If it rejects an element (NaN, a lone surrogate, deep nesting), the array is cut at its top-level
commas instead, without parsing the elements, which are then decoded one by one.
"""

import re
from typing import Final

import msgspec

from talkmeter.errors import BadRequest, TooLarge

_raw_array: Final = msgspec.json.Decoder(list[msgspec.Raw])
_raw_value: Final = msgspec.json.Decoder(msgspec.Raw)
_MAX_LENIENT_BYTES: Final = 1 << 20
_NOT_A_NUMBER: Final = re.compile(rb"NaN|-?Infinity")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_WHITESPACE: Final = b" \t\r\n"
_OPENING: Final = b"[{"
_CLOSING: Final = bytes.maketrans(_OPENING, b"]}")
_BYTES_PER_TOKEN: Final = 10
_TOKENS_PER_ELEMENT: Final = 4
"""An array that is cut at commas may have this many tokens for its size and for each allowed element. Each token takes
about 0.3 microseconds. Events have one in 25 bytes."""

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
    """Return whether text is JSON apart from NaN, surrogates, invalid UTF-8 and deep nesting.

    Of a large text, only the brackets and quotes are checked: a substitution keeps the GIL until its end.
    """
    if len(text) > _MAX_LENIENT_BYTES:
        return _is_balanced(text)
    # This checks the syntax only, and builds no objects, which would take much longer.
    numbers = _NOT_A_NUMBER.sub(b"0", text.decode("utf-8", "replace").encode())
    try:
        _raw_value.decode(_SURROGATE.sub(b"n", numbers))
    except msgspec.DecodeError:
        return False
    except RecursionError:
        return _is_balanced(text)
    return True


def _is_balanced(text: bytes) -> bool:
    try:
        return len(_cut_at_commas(b"[" + text + b"]", 1)) == 1
    except BadRequest:
        return False


def _token(symbols: bytes) -> re.Pattern[bytes]:
    """Match up to the next brackets of one direction or symbol, at most 500 parts: one match keeps the GIL.

    Strings and the innermost lists and objects are skipped. A quote without an end matches nothing.
    """
    string = rb'"(?:[^"\\]++|\\.)*+"'
    flat = rb'(?:[^"\[\]{}]++|%b){0,500}+' % string
    skipped = rb'(?:[^"\[\]{}%b]++|%b|\[%b\]|\{%b\}){0,500}+' % (symbols, string, flat, flat)
    return re.compile(rb"%b([\[{]++|[\]}]++|[%b])?" % (skipped, symbols or b"]"), re.DOTALL)


_top_token: Final = _token(b",").match
_inner_token: Final = _token(b"").match


def _cut_at_commas(text: bytes, max_elements: int) -> list[bytes]:
    """Cut an array at its top-level commas; stop after one element more than `max_elements`.

    A superfluous comma makes an empty element, which is invalid itself. Raises BadRequest if brackets or quotes do not
    match, or if there are too many of them for the size.
    """
    unmatched = BadRequest("The body is not a JSON array: its brackets or quotes do not match.")
    if not text.startswith(b"["):
        raise unmatched
    elements: list[bytes] = []
    expected = bytearray(b"]")
    begin = end = 1
    for _ in range(max_elements * _TOKENS_PER_ELEMENT + len(text) // _BYTES_PER_TOKEN):
        token = (_inner_token if len(expected) > 1 else _top_token)(text, end)
        if token is None or token.end() == end:
            raise unmatched
        symbols, end = token[1], token.end()
        if symbols is None:
            continue
        if symbols[0] in _OPENING:
            expected += symbols.translate(_CLOSING)
        elif symbols == b",":
            elements.append(text[begin : end - 1].strip(_WHITESPACE))
            begin = end
            if len(elements) > max_elements:
                return elements
        elif not expected.endswith(symbols[::-1]) or (len(symbols) == len(expected) and end < len(text)):
            raise unmatched
        elif len(symbols) < len(expected):
            del expected[-len(symbols) :]
        else:
            elements.append(text[begin : end - 1].strip(_WHITESPACE))
            return [] if elements == [b""] else elements
    raise BadRequest("The body is not valid JSON, and it has too many brackets to find the invalid event.")
