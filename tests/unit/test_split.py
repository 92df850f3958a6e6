"""A body into its elements: one bad element never spoils its batch (docs/reference/http-api.md)."""

import json
from itertools import permutations

import pytest

from talkmeter.errors import BadRequest
from talkmeter.ingest.split import read_object, split_array

GOOD = (
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
BAD = (
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


def in_elements(body: bytes) -> list[bytes]:
    return split_array(body, 10_000)


def array(*elements: bytes, comma: bytes = b" ,\n") -> bytes:
    return b"[" + comma.join(elements) + b"]"


def test_the_elements_of_an_array_are_handed_on_undecoded() -> None:
    assert in_elements(array(*GOOD)) == list(GOOD)


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("place", [0, 1, len(GOOD)])
def test_a_bad_element_is_split_off_and_spoils_no_other(bad: bytes, place: int) -> None:
    elements = [*GOOD[:place], bad, *GOOD[place:]]

    assert in_elements(array(*elements)) == elements


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_element_may_be_the_only_one(bad: bytes) -> None:
    assert in_elements(array(bad)) == [bad]


def test_bad_elements_next_to_each_other_are_split() -> None:
    for order in permutations(BAD[:5], 3):
        assert in_elements(array(*order, comma=b",")) == list(order)


@pytest.mark.parametrize("body", [b"[]", b"[ ]", b" \r\n[\t]\n "])
def test_an_empty_array_has_no_elements(body: bytes) -> None:
    assert in_elements(body) == []


def test_white_space_around_an_array_and_its_elements_is_left_out() -> None:
    assert in_elements(b'\n [ 1 ,\t"a" , NaN\r\n] \n') == [b"1", b'"a"', b"NaN"]


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
def test_a_comma_too_many_stands_for_an_empty_element_which_is_bad_itself(body: bytes, elements: list[bytes]) -> None:
    assert in_elements(body) == elements


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
def test_what_is_no_array_as_a_whole_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^The body is not a JSON array: its brackets or quotes do not match\.$"):
        in_elements(body)


@pytest.mark.parametrize("body", [b'[{"a": "x}]', b'[{"a": "x}, {"b": "y"}]', b'[1, "]'])
def test_an_array_whose_quotes_do_not_match_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="quotes do not match"):
        in_elements(body)


def test_splitting_a_large_array_with_a_bad_element_takes_time_in_proportion() -> None:
    """16 MiB of brackets, quotes and backslashes are read once; a test of seconds would hang instead."""
    tricky = json.dumps({"text": '\\"]},' * 200}).encode()
    elements = [tricky] * 8_000 + [b"NaN"]

    assert len(in_elements(array(*elements))) == 8_001


@pytest.mark.parametrize("body", [b'{"a":1}', b' {"a": [1, "}"]}\n', b"{}"])
def test_one_object_is_handed_on_undecoded(body: bytes) -> None:
    assert read_object(body) == body.strip()


@pytest.mark.parametrize(
    "body", [b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a": "\xff"}', b'{"a": ' + b"[" * 9999 + b"]" * 9999 + b"}"]
)
def test_an_object_that_only_strict_readers_refuse_is_handed_on(body: bytes) -> None:
    assert read_object(body) == body


@pytest.mark.parametrize("body", [b"", b"x", b"{", b'{"a": 1', b'{"a": 1} {"b": 2}', b"{'a': 1}", b'{"a": "x}'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^The body is not JSON\.$"):
        read_object(body)


@pytest.mark.parametrize("body", [b"1", b'"a"', b"null", b"[1]", b"NaN"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^The body must be a JSON object: one CloudEvent\.$"):
        read_object(body)
