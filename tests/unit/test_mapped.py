"""Laws of tables: what is written from records is read as those records, and whatever bytes there are, no traceback."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.errors import Refused
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.mapped import AcceptedRow, RejectedRow, read_mapped, row_reader
from talkmeter.ingest.mapping import Map, Unit, read_map
from talkmeter.ingest.tables import MAX_ROW, ROWS_PER_PART, TableRow
from talkmeter.period import LATEST_INSTANT, format_instant
from talkmeter.records import Channel, Conversation, ConversationStatus, Direction, InventoryItem, Modality, Record

"""The first example that reads Parquet loads pyarrow, and that takes its time."""

SENDER = Sender("tests", None)
COLUMNS = (
    *("id", "channel", "direction", "status", "created_at", "duration_ms"),
    *("modality", "agent_id", "agent_number", "web_widget_id"),
)
CALLS = """
[event]
type = "conversation.updated"
source = "/tests"
time = "created_at"
[data]
id = "id"
channel = "channel"
direction = "direction"
status = "status"
created_at = "created_at"
duration = { column = "duration_ms", unit = "milliseconds" }
modality = "modality"
agent_id = "agent_id"
agent_number = "agent_number"
web_widget_id = "web_widget_id"
"""

_letters = st.characters(exclude_categories=("Cc", "Cs"))
_ids = st.text(_letters, min_size=1, max_size=50).filter(lambda text: len(text.encode()) <= 200)
_calls = st.builds(
    Conversation,
    channel=st.sampled_from(get_args(Channel)),
    direction=st.sampled_from(get_args(Direction)),
    status=st.sampled_from(get_args(ConversationStatus)),
    created_at=st.integers(0, LATEST_INSTANT - 1),
    duration_ms=st.none() | st.integers(0, 31_622_400_000),
    modality=st.sampled_from(get_args(Modality)),
    agent_id=st.none() | _ids,
    agent_number=st.none() | _ids,
    web_widget_id=st.none() | _ids,
)
_tables = st.lists(st.tuples(_ids, _calls), max_size=8)
Calls = list[tuple[str, Conversation]]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def states(path: Path, map_: Map) -> list[tuple[str, Record | None]]:
    """The records of a file, of which no row may be rejected."""
    parts = list(read_mapped(path, map_, SENDER))
    assert [row for part in parts for row in part.rejected] == []
    return [(one.state.id, one.state.record) for part in parts for one in part.accepted]


def refusal_of(read: Callable[[], object]) -> str | None:
    """What a reading is refused with; whatever else it raises is a fault."""
    try:
        read()
    except Refused as refused:
        return refused.detail
    return None


@given(calls=_tables, delimiter=st.sampled_from(",;\t|"), quote=st.sampled_from("\"'"))
def test_a_csv_written_from_records_is_read_as_those_records(
    memory: Path, calls: Calls, delimiter: str, quote: str
) -> None:
    out = StringIO()
    writer = csv.writer(out, delimiter=delimiter, quotechar=quote)
    writer.writerow(COLUMNS)
    for id_, call in calls:
        created_at = format_instant(call.created_at)
        writer.writerow(
            (
                *(id_, call.channel, call.direction, call.status, created_at, call.duration_ms),
                *(call.modality, call.agent_id, call.agent_number, call.web_widget_id),
            )
        )
    form = f"[file]\ndelimiter = {json.dumps(delimiter)}\nquote = {json.dumps(quote)}\n"
    map_ = read_map(write(memory, "map.toml", form + CALLS), "acme")

    assert states(write(memory, "calls.csv", out.getvalue()), map_) == calls


@given(calls=_tables)
def test_a_parquet_written_from_records_is_read_as_those_records(memory: Path, calls: Calls) -> None:
    types = {"created_at": pa.timestamp("us", tz="UTC"), "duration_ms": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    rows = [{"id": id_} | {name: getattr(call, name) for name in COLUMNS[1:]} for id_, call in calls]
    pq.write_table(pa.Table.from_pylist(rows, schema), memory / "calls.parquet")
    map_ = read_map(write(memory, "map.toml", CALLS), "acme")

    assert states(memory / "calls.parquet", map_) == calls


@given(
    content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode), map_=st.sampled_from(["csv", "parquet"])
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "utf-16", "cp1252", "shift_jis"])
def test_whatever_bytes_a_file_holds_each_row_is_understood_or_rejected(
    memory: Path, content: bytes, map_: str, encoding: str
) -> None:
    form = f'[file]\nformat = "{map_}"\nencoding = "{encoding}"\n'
    read = read_map(write(memory, "map.toml", form + CALLS), "acme")
    head = ",".join(COLUMNS).encode(encoding) + "\n".encode(encoding) if map_ == "csv" else b"PAR1"
    path = write(memory, "calls", head + content)

    refused = refusal_of(lambda: list(read_mapped(path, read, SENDER)))

    assert refused is None or (refused.startswith(str(path)) and "\n" not in refused)


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode), where=st.integers(0, len(CALLS)))
def test_whatever_bytes_a_map_holds_it_is_right_or_refused_with_a_sentence(
    memory: Path, content: bytes, where: int
) -> None:
    spoiled = CALLS.encode()[:where] + content + CALLS.encode()[where:]

    refused = refusal_of(lambda: read_map(write(memory, "map.toml", spoiled), "acme"))

    assert refused is None or (refused.startswith("The map ") and "\n" not in refused)


def read_one(folder: Path, map_text: str, cells: dict[str, str]) -> AcceptedRow | RejectedRow:
    """One row of text by a map of the calls with some lines replaced."""
    map_ = read_map(write(folder, "map.toml", map_text), "acme")
    return row_reader(map_, SENDER)(TableRow(2, [cells[name] for name in map_.columns]))


CELLS = {
    "id": "1",
    "channel": "telephone",
    "direction": "inbound",
    "status": "completed",
    "created_at": "2026-03-01T12:00:00Z",
    **dict.fromkeys(("duration_ms", "modality", "agent_id", "agent_number", "web_widget_id"), ""),
}


def changed(line: str, table: str = "") -> str:
    """The map of the calls with another line for the same key of `[data]`, and a table before it."""
    key = line.partition(" = ")[0]
    head, data = CALLS.split("[data]")
    kept = [one for one in data.splitlines() if one.partition(" = ")[0] != key]
    return "\n".join((table, head, "[data]", *kept, line))


def call_of(read: AcceptedRow | RejectedRow) -> Conversation:
    assert isinstance(read, AcceptedRow), read
    assert isinstance(read.state.record, Conversation)
    return read.state.record


def reason_of(read: AcceptedRow | RejectedRow) -> str:
    assert isinstance(read, RejectedRow), read
    return read.reason


@pytest.mark.parametrize(
    ("unit", "text", "milliseconds"),
    [
        ("seconds", "90.0005", 90_001),
        ("milliseconds", "90000.5", 90_001),
        ("milliseconds", " 90 ", 90),
        ("minutes", "1.508341", 90_500),
        ("minutes", "1e-2", 600),
        ("h:mm:ss", "0:01:30.5", 90_500),
        ("h:mm:ss", "100:00:00", 360_000_000),
        ("minutes", "", None),
    ],
)
def test_durations_are_read_in_their_unit_and_rounded_once(
    tmp_path: Path, unit: Unit, text: str, milliseconds: int | None
) -> None:
    line = changed(f'duration = {{ column = "duration_ms", unit = "{unit}" }}')

    assert call_of(read_one(tmp_path, line, CELLS | {"duration_ms": text})).duration_ms == milliseconds


@given(milliseconds=st.integers(0, 31_622_400_000))
def test_a_duration_in_minutes_is_exact(memory: Path, milliseconds: int) -> None:
    line = changed('duration = { column = "duration_ms", unit = "minutes" }')
    minutes = f"{Decimal(milliseconds * 3) / 180_000:.18f}"

    assert call_of(read_one(memory, line, CELLS | {"duration_ms": minutes})).duration_ms == milliseconds


@pytest.mark.parametrize(
    ("format_", "zone", "text", "instant"),
    [
        (None, None, "2026-03-01T12:00:00.1234567+01:00", "2026-03-01T11:00:00.123456Z"),
        (None, "America/New_York", "2026-03-01 12:00", "2026-03-01T17:00:00Z"),
        ("%d.%m.%Y %H:%M", "Europe/Berlin", "01.07.2026 00:30", "2026-06-30T22:30:00Z"),
        ("%d/%b/%Y:%H:%M:%S %z", None, "01/Mar/2026:12:00:00 -0330", "2026-03-01T15:30:00Z"),
        ("unix seconds", None, "1772366400.5", "2026-03-01T12:00:00.500000Z"),
        ("unix milliseconds", None, "1772366400001", "2026-03-01T12:00:00.001000Z"),
        ("unix microseconds", None, "1772366400000001.9", "2026-03-01T12:00:00.000001Z"),
        # An hour that comes twice is the first of the two; one that is skipped is read as before the change.
        (None, "Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
        (None, "Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
    ],
)
def test_instants_are_read_in_their_format_and_zone(
    tmp_path: Path, format_: str | None, zone: str | None, text: str, instant: str
) -> None:
    said = f', format = "{format_}"' if format_ else ""
    table = f'[file]\nzone = "{zone}"' if zone else ""
    line = changed(f'created_at = {{ column = "began"{said} }}', table)

    assert format_instant(call_of(read_one(tmp_path, line, CELLS | {"began": text})).created_at) == instant


@given(wait=st.integers(-86_400, 86_400), served=st.integers(0, 86_400_000))
def test_columns_of_plus_are_added_to_the_instant(memory: Path, wait: int, served: int) -> None:
    line = CALLS.replace('time = "created_at"', 'time = { column = "created_at", plus = ["wait", "served"] }')
    cells = CELLS | {"wait": str(wait), "served": f"{served / 1000:.3f}"}
    read = read_one(memory, line, cells)

    assert isinstance(read, AcceptedRow)
    began = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ended = began + timedelta(seconds=wait, milliseconds=served)
    assert read.state.time == (ended - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("line", "cells", "reason"),
    [
        (
            'status = { column = "end", values = { OK = "completed" } }',
            {"end": "ok"},
            "data.status: column 'end' is 'ok', which values does not translate; it has 'OK'.",
        ),
        (
            'status = { column = "end", values = { OK = "completed" }, others = "keep" }',
            {"end": "busy"},
            (
                "data.status: 'busy' is not one of cancelled, completed, failed, in_progress, ringing, token_created, "
                "transferred, triggered, unanswered; translate it with values."
            ),
        ),
        (
            'id = { template = "{a}-{b}" }',
            {"a": "1", "b": ""},
            "data.id: column 'b' is empty, but the template needs it.",
        ),
        ('id = { template = "{a}-{b}" }', {"a": "", "b": ""}, "event.id is empty."),
        ('created_at = "began"', {"began": ""}, "data.created_at: expected `str`, got `null`."),
        ('created_at = "began"', {"began": "2026-03-01"}, "data.created_at: '2026-03-01' is a date without a time."),
        (
            'created_at = "began"',
            {"began": "2026-03-01 12:00"},
            "data.created_at: '2026-03-01 12:00' has no offset; set file.zone to its time zone.",
        ),
        (
            'created_at = { column = "began", format = "unix seconds" }',
            {"began": "9e17"},
            "data.created_at must be between 1970-01-01 and 2099-12-31, not '9e17'.",
        ),
        (
            'duration = { column = "long", unit = "h:mm:ss" }',
            {"long": "1:30"},
            "data.duration: '1:30' is not a duration such as 0:01:30 (h:mm:ss).",
        ),
        (
            'duration = "long"',
            {"long": "-1"},
            "data.duration must be between 0 and 31622400 seconds, not '-1'.",
        ),
        ('duration = "long"', {"long": "1,5"}, "data.duration: '1,5' is not a number of seconds."),
    ],
)
def test_a_row_that_cannot_be_counted_is_rejected_with_the_field_and_why(
    tmp_path: Path, line: str, cells: dict[str, str], reason: str
) -> None:
    assert reason_of(read_one(tmp_path, changed(line), CELLS | cells)) == reason


def test_flags_names_and_deletions_are_read(tmp_path: Path) -> None:
    number = '[event]\ntype = "phone_number.{}"\nsource = "/n"\ntime = "t"\nsequence = "n"\n[data]\nid = "id"\n'
    cells = {"t": "2026-03-01T12:00:00Z", "n": "7", "id": "+13125550110", "name": "Front desk", "both": "TRUE"}
    made = read_one(tmp_path, number.format("updated") + 'name = "name"\nshared = "both"\n', cells)
    gone = read_one(tmp_path, number.format("deleted"), cells)
    wrong = read_one(tmp_path, number.format("updated") + 'shared = "name"\n', cells)

    assert isinstance(made, AcceptedRow)
    assert isinstance(gone, AcceptedRow)
    assert (made.state.record, made.state.sequence) == (InventoryItem("Front desk", shared=True), 7)
    assert gone.state.record is None
    assert reason_of(wrong) == "data.shared: 'Front desk' is neither true nor false; translate it with values."


@pytest.mark.parametrize(
    ("column", "array", "read"),
    [
        ("id", pa.array([2**62]), str(2**62)),
        ("id", pa.array([7.0]), "7"),
        ("id", pa.array([time(10, 11, 12)], pa.time64("ns")), "10:11:12"),
        ("id", pa.array([date(2026, 3, 1)]), "2026-03-01"),
        ("id", pa.array([True]), "true"),
        ("duration_ms", pa.array([1.25], pa.float32()), 1),
        ("duration_ms", pa.array([Decimal("90000.5")]), 90_001),
        ("duration_ms", pa.array([None]), None),
        ("duration_ms", pa.array([float("nan")]), "data.duration: 'nan' is not a number of milliseconds."),
        ("duration_ms", pa.array([1e300]), "data.duration: '1e+300' is not a number of milliseconds."),
        ("created_at", pa.array([1_772_366_400], pa.timestamp("s", tz="+05:30")), "2026-03-01T12:00:00Z"),
        ("created_at", pa.array([date(2026, 3, 1)]), "data.created_at: '2026-03-01' is a date without a time."),
        (
            "created_at",
            pa.array([1_772_366_400], pa.timestamp("s")),
            ("data.created_at: '2026-03-01T12:00:00' has no offset; set file.zone to its time zone."),
        ),
    ],
    ids=str,
)
def test_cells_of_parquet_are_read_by_their_type(
    tmp_path: Path, column: str, array: "pa.Array", read: str | int | None
) -> None:
    cells = {name: pa.array([text or None], pa.string()) for name, text in CELLS.items()}
    pq.write_table(pa.table(cells | {column: array}), tmp_path / "calls.parquet")
    [part] = read_mapped(tmp_path / "calls.parquet", read_map(write(tmp_path, "map.toml", CALLS), "acme"), SENDER)

    if part.rejected:
        assert [row.reason for row in part.rejected] == [read]
        return
    [one] = part.accepted
    call = call_of(one)
    found = {"id": one.state.id, "duration_ms": call.duration_ms, "created_at": format_instant(call.created_at)}
    assert found[column] == read


def test_rows_come_in_parts_and_no_row_is_longer_than_a_megabyte(tmp_path: Path) -> None:
    map_ = read_map(write(tmp_path, "map.toml", CALLS), "acme")
    line = ",".join(CELLS[name] for name in COLUMNS) + "\n"
    path = write(tmp_path, "calls.csv", ",".join(COLUMNS) + "\n" + line * (2 * ROWS_PER_PART + 1))
    parts = list(read_mapped(path, map_, SENDER))

    assert [len(part.accepted) for part in parts] == [ROWS_PER_PART, ROWS_PER_PART, 1]
    assert sum(part.size for part in parts) == path.stat().st_size
    long = write(tmp_path, "long.csv", ",".join(COLUMNS) + "\n" + "x" * (MAX_ROW + 1))
    with pytest.raises(Refused, match=r"long\.csv, line 2: the row is longer than 1048576 characters"):
        list(read_mapped(long, map_, SENDER))
