"""Splitting a body into its elements: one invalid element never fails its batch (docs/reference/http-api.md)."""

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.errors import BadRequest
from talkmeter.ingest.split import read_object, split_array

VALID = (
    b'{"a":1}',
    b'"]"',
    b'"}, {"',
    rb'"\""',
    rb'"\\"',
    rb'"\\\"]"',
    b"[]",
    b"[[1, 2], {}]",
    b'{"[": "]", "b": [{"c": ","}]}',
    b"-1.5e3",
    b"null",
    '"\u00e9 \u2028"'.encode(),
)
INVALID = (
    b"NaN",
    b"-Infinity",
    b'{"a": NaN}',
    b'{"a": undefined}',
    b"{'a'}",
    b'{"a" 1}',
    b"01",
    b'"a\nb"',
    b'"\\ud800"',
    b'"\xff"',
    b'{"a": "\xc3"}',
    b"[" * 5000 + b"]" * 5000,
)


def nested(elements: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Lists and objects of elements."""
    lists = st.lists(elements, max_size=3).map(b",".join)
    return lists.map(lambda inner: b"[%b]" % inner) | lists.map(lambda inner: b'{"a": [%b]}' % inner)


def split(body: bytes) -> list[bytes]:
    return split_array(body, 10_000)


def array(*elements: bytes, comma: bytes = b" ,\n") -> bytes:
    return b"[" + comma.join(elements) + b"]"


def test_elements_of_an_array_are_returned_undecoded() -> None:
    assert split(array(*VALID)) == list(VALID)


@pytest.mark.parametrize("invalid", INVALID, ids=range(len(INVALID)))
@pytest.mark.parametrize("position", [0, 1, len(VALID)])
def test_invalid_element_is_split_off_without_affecting_others(invalid: bytes, position: int) -> None:
    elements = [*VALID[:position], invalid, *VALID[position:]]

    assert split(array(*elements)) == elements


@pytest.mark.parametrize("invalid", INVALID, ids=range(len(INVALID)))
def test_invalid_element_can_be_the_only_one(invalid: bytes) -> None:
    assert split(array(invalid)) == [invalid]


def test_adjacent_invalid_elements_are_split() -> None:
    for order in permutations(INVALID[:5], 3):
        assert split(array(*order, comma=b",")) == list(order)


@pytest.mark.parametrize("body", [b"[]", b"[ ]", b" \r\n[\t]\n "])
def test_empty_array_has_no_elements(body: bytes) -> None:
    assert split(body) == []


def test_white_space_around_an_array_and_its_elements_is_removed() -> None:
    assert split(b'\n [ 1 ,\t"a" , NaN\r\n] \n') == [b"1", b'"a"', b"NaN"]


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (b"[1,]", [b"1", b""]),
        (b"[,]", [b"", b""]),
        (b"[,1]", [b"", b"1"]),
        (b"[1,,2]", [b"1", b"", b"2"]),
        (b"[NaN,]", [b"NaN", b""]),
    ],
)
def test_extra_comma_gives_an_empty_element(body: bytes, elements: list[bytes]) -> None:
    assert split(body) == elements


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"]",
        b"][",
        b"{}",
        b"1",
        b'"[]"',
        b"[1] x",
        b"[1] [2]",
        b"[NaN][1]",
        b"[NaN]]",
        b"[[NaN]",
        b"[NaN, {]",
        b"[NaN, }]",
        b"x [1]",
        b"\xef\xbb\xbf[1]",
        b'[{"a": 1}, {"b": ',
        b'[{"a": 1}, {"b": "]',
    ],
)
def test_body_that_is_not_an_array_is_rejected(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^The body is not a JSON array: its brackets or quotes do not match\.$"):
        split(body)


@pytest.mark.parametrize("body", [b'[{"a": "x}]', b'[{"a": "x}, {"b": "y"}]', b'[1, "]'])
def test_array_with_unbalanced_quotes_is_rejected(body: bytes) -> None:
    with pytest.raises(BadRequest, match="quotes do not match"):
        split(body)


def test_splitting_a_large_array_with_an_invalid_element_takes_linear_time() -> None:
    """16 MiB of brackets, quotes and backslashes are read once; in quadratic time the test would hang."""
    element = json.dumps({"text": '\\"]},' * 200}).encode()
    elements = [element] * 8_000 + [b"NaN"]

    assert len(split(array(*elements))) == 8_001


@given(st.lists(st.sampled_from(VALID + INVALID) | st.recursive(st.sampled_from(VALID + INVALID), nested)))
def test_any_mix_of_valid_and_invalid_elements_is_split(elements: list[bytes]) -> None:
    assert split(array(*elements)) == elements


@pytest.mark.parametrize(
    "dense", [b'{"a":[{}', b"[1", b'{"a":', b'[[],"",', b'{"a":{}},'], ids=["mixed", "lists", "keys", "open", "closed"]
)
def test_invalid_array_with_too_many_brackets_for_its_size_is_rejected(dense: bytes) -> None:
    with pytest.raises(BadRequest, match="too many brackets"):
        split_array(b"[[NaN," + dense * 100_000, 10)


def test_events_with_many_lists_and_objects_are_split_off_an_invalid_one() -> None:
    event = json.dumps(
        {"id": "1", "data": {"id": "1", "tags": [["a", "b"]] * 5, "turns": [{"text": ""}] * 50}}
    ).encode()

    assert split_array(array(*[event] * 500, b"NaN"), 501) == [*[event] * 500, b"NaN"]


@pytest.mark.parametrize("body", [b'{"a":1}', b' {"a": [1, "}"]}\n', b"{}"])
def test_single_object_is_returned_undecoded(body: bytes) -> None:
    assert read_object(body) == body.strip()


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": NaN}',
        b'{"a": [-Infinity, Infinity]}',
        b'{"a": "\\ud800"}',
        rb'{"a": NaN, "b": "\\\\uD800 NaN"}',
        b'{"a": "\xff"}',
        b'{"a": ' + b"[" * 9999 + b"]" * 9999 + b"}",
        b'{"a": [' + b"1," * 999_999 + b"NaN]}",
    ],
)
def test_object_that_only_strict_decoders_reject_is_returned(body: bytes) -> None:
    assert read_object(body) == body


@pytest.mark.parametrize(
    "body", [b"", b"x", b"{", b'{"a": 1', b'{"a": 1} {"b": 2}', b"{'a': 1}", b'{"a": NaN,}', b'{"a": "x}']
)
def test_body_that_is_not_json_is_rejected(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^The body is not JSON\.$"):
        read_object(body)


@pytest.mark.parametrize("body", [b"1", b'"a"', b"null", b"[1]", b"NaN"])
def test_json_that_is_not_an_object_is_rejected(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^The body must be a JSON object: one CloudEvent\.$"):
        read_object(body)
