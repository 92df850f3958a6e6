"""Single fields of events: each is normalized, or an error message says what is wrong."""

from collections.abc import Callable

import msgspec
import pytest

from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ingest.fields import (
    FieldError,
    read_duration,
    read_id,
    read_name,
    read_optional_id,
    read_sequence,
    read_time,
)
from talkmeter.ledger.batch import Reason, Rejection
from talkmeter.records import State
from tests.events import conversation


def error_of(read: Callable[[], object]) -> tuple[Reason, str]:
    """Return the reason and message of the error."""
    try:
        value = read()
    except FieldError as error:
        return error.reason, error.detail
    pytest.fail(f"{value!r} is accepted")


@pytest.mark.parametrize(
    "text", ["x", "a" * 200, "é" * 100, "😀" * 50, "+1 (312) 555-0110", "a b", " ", "\u2028", "\xa0"]
)
def test_id_is_1_to_200_bytes_of_utf_8(text: str) -> None:
    assert read_id("data.id", text) == text


@pytest.mark.parametrize(("text", "size"), [("a" * 201, 201), ("é" * 101, 202), ("😀" * 51, 204)])
def test_length_of_an_id_is_measured_in_bytes_not_characters(text: str, size: int) -> None:
    assert error_of(lambda: read_id("data.id", text)) == (
        Reason.INVALID_DATA,
        f"data.id is {size} bytes long; at most 200 are allowed.",
    )


def test_empty_id_is_rejected() -> None:
    assert error_of(lambda: read_id("data.id", "")) == (
        Reason.INVALID_DATA,
        "data.id is missing or empty; it must be 1 to 200 bytes.",
    )


@pytest.mark.parametrize("character", ["\x00", "\t", "\n", "\x1f", "\x7f", "\x80", "\x9f"])
def test_id_with_a_control_character_is_rejected(character: str) -> None:
    reason, detail = error_of(lambda: read_id("id", f"a{character}b", reason=Reason.INVALID_ENVELOPE))

    assert reason is Reason.INVALID_ENVELOPE
    assert detail.startswith("id contains a control character: 'a\\")
    assert detail.isprintable()


def test_source_is_at_most_500_bytes_long() -> None:
    accepted = read_event(msgspec.json.encode(conversation() | {"source": "/" * 500}), Sender("test", "acme"))
    rejected = read_event(msgspec.json.encode(conversation() | {"source": "/" * 501}), Sender("test", "acme"))

    assert isinstance(accepted, State)
    assert isinstance(rejected, Rejection)
    assert rejected.detail == "source is 501 bytes long; at most 500 are allowed."


@pytest.mark.parametrize("text", [None, ""])
def test_empty_optional_id_is_none(text: str | None) -> None:
    assert read_optional_id("data.agent_id", text) is None


def test_optional_id_follows_the_rules_of_ids() -> None:
    assert read_optional_id("data.agent_id", "ann") == "ann"
    with pytest.raises(FieldError, match=r"^data.agent_id is 201 bytes long"):
        read_optional_id("data.agent_id", "a" * 201)


def test_long_value_is_truncated_in_an_error_message() -> None:
    with pytest.raises(FieldError, match=r"^id contains a control character: '\\x00x{59}\.{3}'\.$"):
        read_id("id", "\x00" + "x" * 150)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("\n", None),
        ("Sales", "Sales"),
        (" Sales\tteam\n", "Sales team"),
        ("x" * 201, "x" * 200),
        ("😀" * 200, "😀" * 200),
    ],
)
def test_name_is_one_line_of_at_most_200_characters(text: str | None, name: str | None) -> None:
    assert read_name(text) == name


def test_time_becomes_microseconds() -> None:
    assert read_time("time", "1970-01-01T01:00:00.0000019+01:00", Reason.INVALID_ENVELOPE) == 1


@pytest.mark.parametrize("text", [None, ""])
def test_time_is_required(text: str | None) -> None:
    message = "time is missing; it must be an RFC 3339 date and time such as 2026-11-01T09:30:00Z."

    assert error_of(lambda: read_time("time", text, Reason.INVALID_ENVELOPE)) == (Reason.INVALID_ENVELOPE, message)


def test_time_without_an_offset_is_rejected() -> None:
    message = "data.created_at must be an RFC 3339 date and time with an offset, such as 2026-11-01T09:30:00Z, not "

    assert error_of(lambda: read_time("data.created_at", "2026-03-01T00:00:00", Reason.INVALID_DATA)) == (
        Reason.INVALID_DATA,
        f"{message}'2026-03-01T00:00:00'.",
    )


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59.999999Z", "2100-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01"])
def test_time_outside_1970_to_2099_is_out_of_range(text: str) -> None:
    message = f"time must be between 1970-01-01 and 2099-12-31, not '{text}'."

    assert error_of(lambda: read_time("time", text, Reason.INVALID_ENVELOPE)) == (Reason.OUT_OF_RANGE, message)


@pytest.mark.parametrize(
    ("raw", "milliseconds"),
    [
        (b"0", 0),
        (b"-0", 0),
        (b"-0.0", 0),
        (b"60", 60_000),
        (b"12.345", 12_345),
        (b"1e2", 100_000),
        (b"1.5E-1", 150),
        (b"0.0004999999999", 0),
        (b"0.0005", 1),
        (b"0.0015", 2),
        (b"0.0025", 3),
        (b"1.0005", 1001),
        (b"1e-400", 0),
        (b"31622400", 31_622_400_000),
        (b"31622400.000", 31_622_400_000),
        (b"31622399.9995", 31_622_400_000),
    ],
)
def test_duration_in_decimal_seconds_is_rounded_half_up_to_milliseconds(raw: bytes, milliseconds: int) -> None:
    assert read_duration(raw) == milliseconds


def test_duration_just_below_half_a_millisecond_is_rounded_down() -> None:
    assert read_duration(b"0.0004" + b"9" * 40) == 0


@pytest.mark.parametrize("raw", [b"", b"null", b'""'])
def test_missing_duration_is_none_and_not_zero(raw: bytes) -> None:
    assert read_duration(raw) is None


@pytest.mark.parametrize(
    "raw", [b"-0.001", b"-1", b"31622400.0000001", b"31622401", b"1e9", b"1e999999999", b"1" * 5000], ids=range(7)
)
def test_duration_below_zero_or_above_366_days_is_out_of_range(raw: bytes) -> None:
    reason, detail = error_of(lambda: read_duration(raw))

    assert reason is Reason.OUT_OF_RANGE
    assert detail.startswith("data.duration must be between 0 and 31622400 seconds, not '")
    assert len(detail) < 150


def test_duration_with_a_huge_exponent_is_out_of_range() -> None:
    assert error_of(lambda: read_duration(b"1e99999999999999999999"))[0] is Reason.OUT_OF_RANGE


@pytest.mark.parametrize("raw", [b'"60"', b"true", b"[]", b"{}", b'" "'])
def test_duration_that_is_not_a_number_is_invalid(raw: bytes) -> None:
    assert error_of(lambda: read_duration(raw)) == (
        Reason.INVALID_DATA,
        "data.duration must be a number of seconds or null.",
    )


@pytest.mark.parametrize(
    ("value", "sequence"),
    [
        (7, 7),
        (-7, -7),
        ("7", 7),
        ("-7", -7),
        ("0000000042", 42),
        (10**18 - 1, 10**18 - 1),
        (10**18, 0),
        ("9" * 19, 0),
        (10**30, 0),
        ("", 0),
        ("abc", 0),
        ("1.5", 0),
        ("1_0", 0),
        (" 7", 0),
        ("\u0667", 0),
        (None, 0),
    ],
    ids=repr,
)
def test_sequence_is_an_integer_of_at_most_18_digits_else_zero(value: str | int | None, sequence: int) -> None:
    assert read_sequence(value) == sequence


@pytest.mark.parametrize(
    ("json", "sequence"),
    [
        ("7", 7),
        ('"7"', 7),
        ("null", 0),
        ('"abc"', 0),
        (f"1{'0' * 30}", 0),
        ("1.5", 0),
        ("true", 0),
        ("[1]", 0),
        ("{}", 0),
    ],
)
def test_invalid_sequence_does_not_reject_the_event(json: str, sequence: int) -> None:
    raw = msgspec.json.encode(conversation()).replace(b'"1.0"', f'"1.0","sequence":{json}'.encode())

    state = read_event(raw, Sender("test", "acme"))

    assert isinstance(state, State), state
    assert state.sequence == sequence
