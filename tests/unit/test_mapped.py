"""Reading CSV and Parquet by a map: written records are read back, and no bytes cause a traceback."""

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

from talkmeter.errors import OperationFailed
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.mapped import AcceptedRow, RejectedRow, SkippedRow, read_mapped, row_reader
from talkmeter.ingest.mapping import read_map
from talkmeter.ingest.maps import Map, Unit
from talkmeter.ingest.tables.parts import MAX_ROW, ROWS_PER_PART, TableRow
from talkmeter.period import LATEST_INSTANT, format_instant
from talkmeter.records import Conversation, InventoryItem, Record
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction, Modality

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


def write_file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def states(path: Path, map_: Map) -> list[tuple[str, Record | None]]:
    """Return the records of a file; no row may be rejected."""
    parts = list(read_mapped(path, map_, SENDER))
    assert [row for part in parts for row in part.rejected] == []
    return [(row.state.id, row.state.record) for part in parts for row in part.accepted]


def error_of(read: Callable[[], object]) -> str | None:
    """Return the message of the `OperationFailed` error that `read` raises, if it does; other errors propagate."""
    try:
        read()
    except OperationFailed as error:
        return error.detail
    return None


@given(calls=_tables, delimiter=st.sampled_from(",;\t|"), quote=st.sampled_from("\"'"))
def test_records_written_as_csv_are_read_back(memory: Path, calls: Calls, delimiter: str, quote: str) -> None:
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
    map_ = read_map(write_file(memory, "map.toml", form + CALLS), "acme")

    assert states(write_file(memory, "calls.csv", out.getvalue()), map_) == calls


@given(calls=_tables)
def test_records_written_as_parquet_are_read_back(memory: Path, calls: Calls) -> None:
    types = {"created_at": pa.timestamp("us", tz="UTC"), "duration_ms": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    rows = [{"id": id_} | {name: getattr(call, name) for name in COLUMNS[1:]} for id_, call in calls]
    pq.write_table(pa.Table.from_pylist(rows, schema), memory / "calls.parquet")
    map_ = read_map(write_file(memory, "map.toml", CALLS), "acme")

    assert states(memory / "calls.parquet", map_) == calls


@given(
    content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode), map_=st.sampled_from(["csv", "parquet"])
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "utf-16", "cp1252", "shift_jis"])
def test_any_bytes_in_a_file_are_read_or_give_an_error_message(
    memory: Path, content: bytes, map_: str, encoding: str
) -> None:
    form = f'[file]\nformat = "{map_}"\nencoding = "{encoding}"\n'
    read = read_map(write_file(memory, "map.toml", form + CALLS), "acme")
    head = ",".join(COLUMNS).encode(encoding) + "\n".encode(encoding) if map_ == "csv" else b"PAR1"
    path = write_file(memory, "calls", head + content)

    error = error_of(lambda: list(read_mapped(path, read, SENDER)))

    assert error is None or (error.startswith(str(path)) and "\n" not in error)


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode), position=st.integers(0, len(CALLS)))
def test_any_bytes_in_a_map_are_valid_or_give_an_error_message(memory: Path, content: bytes, position: int) -> None:
    corrupted = CALLS.encode()[:position] + content + CALLS.encode()[position:]

    error = error_of(lambda: read_map(write_file(memory, "map.toml", corrupted), "acme"))

    assert error is None or (error.startswith("The map ") and "\n" not in error)


def read_row(folder: Path, map_text: str, cells: dict[str, str]) -> AcceptedRow | RejectedRow | SkippedRow:
    """Read one row of text cells by a map."""
    map_ = read_map(write_file(folder, "map.toml", map_text), "acme")
    return row_reader(map_, SENDER)(TableRow(2, [cells[name] for name in map_.columns]))


CELLS = {
    "id": "1",
    "channel": "telephone",
    "direction": "inbound",
    "status": "completed",
    "created_at": "2026-03-01T12:00:00Z",
    **dict.fromkeys(("duration_ms", "modality", "agent_id", "agent_number", "web_widget_id"), ""),
}


def replace_line(line: str, table: str = "") -> str:
    """Return the map of the calls with this line for its key of `[data]`, and a table at the top."""
    key = line.partition(" = ")[0]
    head, data = CALLS.split("[data]")
    others = [other for other in data.splitlines() if other.partition(" = ")[0] != key]
    return "\n".join((table, head, "[data]", *others, line))


def call_of(read: AcceptedRow | RejectedRow | SkippedRow) -> Conversation:
    assert isinstance(read, AcceptedRow), read
    assert isinstance(read.state.record, Conversation)
    return read.state.record


def reason_of(read: AcceptedRow | RejectedRow | SkippedRow) -> str:
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
    line = replace_line(f'duration = {{ column = "duration_ms", unit = "{unit}" }}')

    assert call_of(read_row(tmp_path, line, CELLS | {"duration_ms": text})).duration_ms == milliseconds


@given(milliseconds=st.integers(0, 31_622_400_000))
def test_duration_in_minutes_is_exact(memory: Path, milliseconds: int) -> None:
    line = replace_line('duration = { column = "duration_ms", unit = "minutes" }')
    minutes = f"{Decimal(milliseconds * 3) / 180_000:.18f}"

    assert call_of(read_row(memory, line, CELLS | {"duration_ms": minutes})).duration_ms == milliseconds


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
        # An hour that occurs twice is the first one; an hour that the change skips has the offset before it.
        (None, "Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
        (None, "Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
    ],
)
def test_instants_are_read_in_their_format_and_zone(
    tmp_path: Path, format_: str | None, zone: str | None, text: str, instant: str
) -> None:
    format_key = f', format = "{format_}"' if format_ else ""
    table = f'[file]\nzone = "{zone}"' if zone else ""
    line = replace_line(f'created_at = {{ column = "began"{format_key} }}', table)

    assert format_instant(call_of(read_row(tmp_path, line, CELLS | {"began": text})).created_at) == instant


@given(wait=st.integers(-86_400, 86_400), served=st.integers(0, 86_400_000))
def test_plus_columns_are_added_to_the_instant(memory: Path, wait: int, served: int) -> None:
    line = CALLS.replace('time = "created_at"', 'time = { column = "created_at", plus = ["wait", "served"] }')
    cells = CELLS | {"wait": str(wait), "served": f"{served / 1000:.3f}"}
    read = read_row(memory, line, cells)

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
            "data.status: column 'end' is 'ok'; add it to values, which has 'OK'.",
        ),
        (
            'status = { column = "end", values = { OK = "completed" }, others = "keep" }',
            {"end": "busy"},
            (
                "data.status: 'busy' is not one of cancelled, completed, failed, in_progress, ringing, token_created, "
                "transferred, triggered, unanswered; translate it with values (column 'end')."
            ),
        ),
        (
            'id = { template = "{a}-{b}" }',
            {"a": "1", "b": ""},
            "data.id: column 'b' is empty, but the template needs it unless it is optional.",
        ),
        (
            'id = { template = "{a}-{b}" }',
            {"a": "", "b": ""},
            "data.id: the columns 'a' and 'b' have no value, but conversation.updated needs one.",
        ),
        (
            'created_at = "began"',
            {"began": ""},
            "data.created_at: the column 'began' has no value, but conversation.updated needs one.",
        ),
        (
            'created_at = "began"',
            {"began": "2026-03-01"},
            "data.created_at: '2026-03-01' is a date without a time (column 'began').",
        ),
        (
            'created_at = "began"',
            {"began": "2026-03-01 12:00"},
            "data.created_at: '2026-03-01 12:00' has no offset; set file.zone to its time zone (column 'began').",
        ),
        (
            'created_at = { column = "began", format = "unix seconds" }',
            {"began": "9e17"},
            "data.created_at must be between 1970-01-01 and 2099-12-31, not '9e17' (column 'began').",
        ),
        (
            'duration = { column = "long", unit = "h:mm:ss" }',
            {"long": "1:30:75"},
            "data.duration: '1:30:75' is not a duration such as 0:01:30 (h:mm:ss) or 1:30 (mm:ss) (column 'long').",
        ),
        (
            'duration = "long"',
            {"long": "-1"},
            "data.duration must be between 0 and 31622400 seconds, not '-1' (column 'long').",
        ),
        (
            'duration = "long"',
            {"long": "1,5"},
            "data.duration: '1,5' is not a number of seconds; set file.decimal to the decimal sign (column 'long').",
        ),
    ],
)
def test_rejected_row_has_a_reason_that_names_the_field(
    tmp_path: Path, line: str, cells: dict[str, str], reason: str
) -> None:
    assert reason_of(read_row(tmp_path, replace_line(line), CELLS | cells)) == reason


def test_flags_names_and_deletions_are_read(tmp_path: Path) -> None:
    number = '[event]\ntype = "phone_number.{}"\nsource = "/n"\ntime = "t"\nsequence = "n"\n[data]\nid = "id"\n'
    cells = {"t": "2026-03-01T12:00:00Z", "n": "7", "id": "+13125550110", "name": "Front desk", "both": "TRUE"}
    updated = read_row(tmp_path, number.format("updated") + 'name = "name"\nshared = "both"\n', cells)
    deleted = read_row(tmp_path, number.format("deleted"), cells)
    rejected = read_row(tmp_path, number.format("updated") + 'shared = "name"\n', cells)

    assert isinstance(updated, AcceptedRow)
    assert isinstance(deleted, AcceptedRow)
    assert (updated.state.record, updated.state.sequence) == (InventoryItem("Front desk", shared=True), 7)
    assert deleted.state.record is None
    assert (
        reason_of(rejected)
        == "data.shared: 'Front desk' is neither true nor false; translate it with values (column 'name')."
    )


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
        (
            "duration_ms",
            pa.array([float("nan")]),
            "data.duration: 'nan' is not a number of milliseconds (column 'duration_ms').",
        ),
        (
            "duration_ms",
            pa.array([1e300]),
            "data.duration: '1e+300' is not a number of milliseconds (column 'duration_ms').",
        ),
        ("created_at", pa.array([1_772_366_400], pa.timestamp("s", tz="+05:30")), "2026-03-01T12:00:00Z"),
        (
            "created_at",
            pa.array([date(2026, 3, 1)]),
            "data.created_at: '2026-03-01' is a date without a time (column 'created_at').",
        ),
        (
            "created_at",
            pa.array([1_772_366_400], pa.timestamp("s")),
            (
                "data.created_at: '2026-03-01T12:00:00' has no offset; set file.zone to its time zone "
                "(column 'created_at')."
            ),
        ),
    ],
    ids=str,
)
def test_parquet_cells_are_read_by_their_type(
    tmp_path: Path, column: str, array: "pa.Array", read: str | int | None
) -> None:
    cells = {name: pa.array([text or None], pa.string()) for name, text in CELLS.items()}
    pq.write_table(pa.table(cells | {column: array}), tmp_path / "calls.parquet")
    [part] = read_mapped(tmp_path / "calls.parquet", read_map(write_file(tmp_path, "map.toml", CALLS), "acme"), SENDER)

    if part.rejected:
        assert [row.reason for row in part.rejected] == [read]
        return
    [row] = part.accepted
    call = call_of(row)
    values = {"id": row.state.id, "duration_ms": call.duration_ms, "created_at": format_instant(call.created_at)}
    assert values[column] == read


def test_rows_are_read_in_parts_and_a_row_over_a_megabyte_is_rejected(tmp_path: Path) -> None:
    map_ = read_map(write_file(tmp_path, "map.toml", CALLS), "acme")
    line = ",".join(CELLS[name] for name in COLUMNS) + "\n"
    path = write_file(tmp_path, "calls.csv", ",".join(COLUMNS) + "\n" + line * (2 * ROWS_PER_PART + 1))
    parts = list(read_mapped(path, map_, SENDER))

    assert [len(part.accepted) for part in parts] == [ROWS_PER_PART, ROWS_PER_PART, 1]
    assert sum(part.size for part in parts) == path.stat().st_size
    long = write_file(tmp_path, "long.csv", ",".join(COLUMNS) + "\n" + "x" * (MAX_ROW + 1))
    with pytest.raises(OperationFailed, match=r"long\.csv, line 2: the row is longer than 1048576 characters"):
        list(read_mapped(long, map_, SENDER))
