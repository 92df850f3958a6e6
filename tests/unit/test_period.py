"""Windows, days and instants (docs/reference/counting.md, "The window")."""

from datetime import UTC, datetime
from random import Random

import pytest

from talkmeter.errors import Unprocessable
from talkmeter.period import (
    EARLIEST_INSTANT,
    LATEST_INSTANT,
    MICROSECONDS_PER_DAY,
    Piece,
    Window,
    day_of,
    format_day,
    format_instant,
    microseconds,
    pieces_of,
    read_instant,
    read_window,
    within_range,
)

HOUR = MICROSECONDS_PER_DAY // 24
NOON = MICROSECONDS_PER_DAY // 2


def at(text: str) -> int:
    """Return an instant as the standard library reads it."""
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def format_window(window: Window) -> str:
    return f"{format_instant(window.start)} {format_instant(window.end)}"


def error_of(from_: str | None, to: str | None) -> str:
    with pytest.raises(Unprocessable) as raised:
        read_window(from_, to, at("2026-03-15"))
    assert raised.value.status == 422
    return raised.value.detail


@pytest.mark.parametrize(
    ("now", "window"),
    [
        ("2026-03-15T13:14:15.161718", "2026-03-01T00:00:00Z 2026-03-16T00:00:00Z"),
        ("2026-03-01T00:00:00", "2026-03-01T00:00:00Z 2026-03-02T00:00:00Z"),
        ("2026-12-31T23:59:59.999999", "2026-12-01T00:00:00Z 2027-01-01T00:00:00Z"),
        ("2028-02-29T12:00:00", "2028-02-01T00:00:00Z 2028-03-01T00:00:00Z"),
    ],
)
def test_default_window_is_the_month_to_date(now: str, window: str) -> None:
    assert format_window(read_window(None, None, at(now))) == window


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-05", "2026-03-05T00:00:00Z"),
        ("20260305", "2026-03-05T00:00:00Z"),
        ("2026-03-05T07:08:09", "2026-03-05T07:08:09Z"),
        ("2026-03-05 07:08:09", "2026-03-05T07:08:09Z"),
        ("2026-03-05T07:08", "2026-03-05T07:08:00Z"),
        ("2026-03-05T07:08:09Z", "2026-03-05T07:08:09Z"),
        ("2026-03-05t07:08:09z", "2026-03-05T07:08:09Z"),
        ("2026-03-05T07:08:09+02:00", "2026-03-05T05:08:09Z"),
        ("2026-03-05T07:08:09 02:00", "2026-03-05T05:08:09Z"),
        ("2026-03-05T07:08:09 0200", "2026-03-05T05:08:09Z"),
        ("2026-03-05T07:08:09-05:30", "2026-03-05T12:38:09Z"),
        ("2026-03-05T07:08:09.25Z", "2026-03-05T07:08:09.250000Z"),
        ("2026-03-05T07:08:09.1234569Z", "2026-03-05T07:08:09.123456Z"),
        (" 2026-03-05 ", "2026-03-05T00:00:00Z"),
    ],
)
def test_from_and_to_are_iso_dates_or_date_times_in_utc_by_default(text: str, instant: str) -> None:
    assert format_window(read_window(text, "2026-04-01", 0)) == f"{instant} 2026-04-01T00:00:00Z"
    assert format_window(read_window("2026-03-01", text, 0)) == f"2026-03-01T00:00:00Z {instant}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "2026-03",
        "2026-02-30",
        "2026-13-01",
        "2026-03-05T25:00:00Z",
        "2026-03-05T07:08:09+24:00",
        "2026-03-05T07:08:09ZZ",
        "1772366340",
        "٢٠٢٦-03-05",
        "2026-03-05\x00",
        "\ud800",
    ],
)
def test_error_of_an_invalid_date_names_the_parameter(text: str) -> None:
    message = "must be an ISO 8601 date or date-time such as 2026-11-01 or 2026-11-01T00:00:00Z, not "

    assert error_of(text, "2026-04-01").startswith(f"'from' {message}")
    assert error_of("2026-03-01", text).startswith(f"'to' {message}")


@pytest.mark.parametrize("text", ["2026-03-05+05:00", "2026-03-05-05:00", "2026-03-05x05:00"])
def test_date_with_an_offset_is_rejected_and_not_read_as_a_time_of_day(text: str) -> None:
    assert error_of(text, "2026-04-01").startswith("'from' must be an ISO 8601 date or date-time")


def test_long_value_is_truncated_in_the_error() -> None:
    assert error_of("x" * 1000, "2026-04-01").endswith(f"not '{'x' * 60}...'.")


@pytest.mark.parametrize(("from_", "to", "missing"), [(None, "2026-03-02", "from"), ("2026-03-01", None, "to")])
def test_bound_without_the_other_bound_is_rejected(from_: str | None, to: str | None, missing: str) -> None:
    assert error_of(from_, to).startswith(f"'{missing}' is missing: give both 'from' and 'to', or neither")


@pytest.mark.parametrize("to", ["2026-03-01", "2026-02-28", "2026-03-01T01:00:00+01:00"])
def test_to_must_be_after_from(to: str) -> None:
    assert error_of("2026-03-01", to).startswith("'to' must be after 'from', but ")


def test_window_of_one_microsecond_is_allowed() -> None:
    assert read_window("2026-03-01", "2026-03-01T00:00:00.000001", 0).days == range(20513, 20514)


@pytest.mark.parametrize(("from_", "to"), [("2023-03-01", "2024-03-01"), ("2025-01-01", "2026-01-02")])
def test_exactly_366_days_are_allowed(from_: str, to: str) -> None:
    assert len(read_window(from_, to, 0).days) == 366


@pytest.mark.parametrize("to", ["2026-01-02T00:00:00.000001", "2026-01-03", "2099-12-31"])
def test_more_than_366_days_are_rejected(to: str) -> None:
    assert error_of("2025-01-01", to).endswith("is longer than 366 days.")


def test_window_must_be_between_1970_and_2100() -> None:
    assert format_window(read_window("1970-01-01", "1970-01-02", 0)) == "1970-01-01T00:00:00Z 1970-01-02T00:00:00Z"
    assert format_window(read_window("2099-12-31", "2100-01-01", 0)) == "2099-12-31T00:00:00Z 2100-01-01T00:00:00Z"
    for outside in ("1969-12-31T23:59:59.999999", "2100-01-01T00:00:00.000001", "0001-01-01", "9999-12-31"):
        assert error_of(outside, "2099-12-31").startswith("'from' must be between 1970-01-01 and 2100-01-01")


@pytest.mark.parametrize(
    ("instant", "day", "date"),
    [
        (0, 0, "1970-01-01"),
        (MICROSECONDS_PER_DAY - 1, 0, "1970-01-01"),
        (MICROSECONDS_PER_DAY, 1, "1970-01-02"),
        (LATEST_INSTANT - 1, 47_481, "2099-12-31"),
    ],
)
def test_day_lasts_from_midnight_to_the_next_midnight(instant: int, day: int, date: str) -> None:
    assert day_of(instant) == day
    assert format_day(day) == date


def test_window_includes_the_day_of_its_start_and_excludes_its_end() -> None:
    assert Window(NOON, 2 * MICROSECONDS_PER_DAY).days == range(2)
    assert Window(NOON, 2 * MICROSECONDS_PER_DAY + 1).days == range(3)
    assert Window(NOON, NOON + 1).days == range(1)


def test_whole_days_need_no_scan() -> None:
    assert pieces_of(Window(0, 3 * MICROSECONDS_PER_DAY)) == (range(3), ())


def test_partial_day_of_half_a_day_or_less_is_scanned() -> None:
    window = Window(NOON, MICROSECONDS_PER_DAY + HOUR)

    scanned = (Piece(1, NOON, MICROSECONDS_PER_DAY), Piece(1, MICROSECONDS_PER_DAY, MICROSECONDS_PER_DAY + HOUR))
    assert pieces_of(window) == (range(1, 1), scanned)


def test_partial_day_over_half_a_day_is_its_total_minus_the_rest() -> None:
    window = Window(NOON - 1, 2 * MICROSECONDS_PER_DAY - HOUR)

    rests = (Piece(-1, 0, NOON - 1), Piece(-1, 2 * MICROSECONDS_PER_DAY - HOUR, 2 * MICROSECONDS_PER_DAY))
    assert pieces_of(window) == (range(2), rests)


def test_long_window_inside_one_day_is_its_total_minus_both_rests() -> None:
    rests = (Piece(-1, 0, HOUR), Piece(-1, 23 * HOUR, 24 * HOUR))

    assert pieces_of(Window(HOUR, 23 * HOUR)) == (range(1), rests)


def random_windows(number: int) -> list[Window]:
    """Return windows of up to 366 days; many begin or end within a microsecond of midnight or noon."""
    random = Random("windows")
    windows: list[Window] = []
    while len(windows) < number:
        days = random.choice([1, 1, 2, 3, 366])
        offsets = [0, 0, 1, -1, NOON, NOON + 1, NOON - 1, random.randrange(MICROSECONDS_PER_DAY)]
        start, end = (
            random.randrange(days + 1) * MICROSECONDS_PER_DAY + random.choice(offsets) + 20_000 * MICROSECONDS_PER_DAY
            for _ in range(2)
        )
        if 0 < end - start <= 366 * MICROSECONDS_PER_DAY:
            windows.append(Window(start, end))
    return windows


def weight(instant: int, whole_days: range, pieces: tuple[Piece, ...]) -> int:
    """Return how often a record of an instant is counted."""
    scanned = sum(piece.sign for piece in pieces if piece.start <= instant < piece.end)
    return (day_of(instant) in whole_days) + scanned


def test_whole_days_and_pieces_cover_exactly_the_window() -> None:
    for window in random_windows(3_000):
        whole_days, pieces = pieces_of(window)
        around = range(window.days.start - 1, window.days.stop + 1)
        midnights = [day * MICROSECONDS_PER_DAY for day in around]
        edges = {*midnights, *window, *(edge for piece in pieces for edge in piece[1:])}
        for instant in edges | {edge - 1 for edge in edges}:
            inside = window.start <= instant < window.end
            assert weight(instant, whole_days, pieces) == inside, (window, instant)


def test_pieces_are_at_most_half_a_day_long_and_inside_one_day() -> None:
    for window in random_windows(3_000):
        _, pieces = pieces_of(window)
        assert len(pieces) <= 2
        for sign, start, end in pieces:
            assert sign in {-1, 1}
            assert 0 < end - start <= NOON
            assert day_of(start) == day_of(end - 1)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.0000019Z", 1),
        ("1969-12-31T23:59:59.9999999Z", -1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T19:00:00-05:00", 0),
        ("1970-01-01t00:00:01z", 1_000_000),
        ("1970-01-01 00:00:01Z", 1_000_000),
        ("2099-12-31T23:59:59.999999999Z", LATEST_INSTANT - 1),
    ],
)
def test_instant_is_in_microseconds_without_finer_digits(text: str, instant: int) -> None:
    assert read_instant(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-05",
        "2026-03-05T07:08:09",
        "2026-03-05T07:08Z",
        "2026-03-05T07:08:09+0100",
        "2026-03-05T07:08:09.Z",
        "2026-03-05T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "20260305T070809Z",
        " 2026-03-05T07:08:09Z",
        "2026-03-05T07:08:09Z\n",
        "٢٠٢٦-03-05T07:08:09Z",
        "1772366340",
    ],
)
def test_instant_must_be_rfc_3339_with_an_offset(text: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|day is out of range|hour must be"):
        read_instant(text)


def test_instants_from_1970_to_the_end_of_2099_are_within_range() -> None:
    assert within_range(EARLIEST_INSTANT)
    assert within_range(LATEST_INSTANT - 1)
    assert not within_range(EARLIEST_INSTANT - 1)
    assert not within_range(LATEST_INSTANT)


def test_instant_is_formatted_in_utc_with_a_fraction_unless_it_is_zero() -> None:
    assert format_instant(0) == "1970-01-01T00:00:00Z"
    assert format_instant(1) == "1970-01-01T00:00:00.000001Z"
    assert read_instant(format_instant(LATEST_INSTANT - 1)) == LATEST_INSTANT - 1


@pytest.mark.parametrize("text", ["2026-03-05T24:00:00Z", "2026-03-05T10:00:00+05:60", "2026-03-05T10:00:00+24:00"])
def test_instant_that_only_some_python_versions_read_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        read_instant(text)
    assert "must be an ISO 8601 date" in error_of(text, "2026-04-01")
