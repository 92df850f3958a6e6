"""`talkmeter ingest --map` with the exports of other systems, each with a peculiarity seen in the field."""

from collections.abc import Callable
from typing import Final

import pytest

from tests.cli.exports import CONSTANTS, HEAD, SIMPLE, counts, ingest
from tests.cli.terminal import Terminal


def began(terminal: Terminal) -> list[str]:
    query = "SELECT datetime(created_at / 1000000, 'unixepoch') FROM conversation ORDER BY id"
    return [text for (text,) in terminal.rows(query)]


@pytest.mark.parametrize(
    ("unit", "cells", "milliseconds"),
    [
        ("mm:ss", ["01:20", "63:05", "1:00:01"], 80_000 + 3_785_000 + 3_601_000),
        ("h:mm:ss", ["01:20", "130:00", "0:00:07.5"], 80_000 + 7_800_000 + 7_500),
        ("seconds", ["1h 2m 3s", "95 sec", "PT1M30.5S"], 3_723_000 + 95_000 + 90_500),
        ("minutes", ["2 Min. 5 Sek.", "1 hour, 1 minute", "800ms"], 125_000 + 3_660_000 + 800),
        ("hours", ["0.5", "1", "0.001"], 1_800_000 + 3_600_000 + 3_600),
    ],
)
def test_clocks_and_words_are_durations(terminal: Terminal, unit: str, cells: list[str], milliseconds: int) -> None:
    map_text = SIMPLE.replace('duration = "secs"', f'duration = {{ column = "secs", unit = "{unit}" }}')
    lines = [f'{index},2026-05-01T10:00:00Z,"{cell}"' for index, cell in enumerate(cells)]

    ingest(terminal, map_text, "\n".join(("id,start,secs", *lines)))

    assert counts(terminal) == (3, 3, milliseconds)


def test_unanswered_call_with_a_clock_of_zero_has_no_duration(terminal: Terminal) -> None:
    map_text = SIMPLE.replace('duration = "secs"', 'duration = { column = "secs", unit = "mm:ss" }').replace(
        'status = { value = "completed" }', 'status = "end"'
    )
    lines = ("id,start,secs,end", "a,2026-05-01T10:00:00Z,00:00,unanswered", "b,2026-05-01T10:00:00Z,0:00,completed")

    ingest(terminal, map_text, "\n".join(lines))

    assert terminal.rows("SELECT id, duration_ms FROM conversation ORDER BY id") == [("a", None), ("b", 0)]


@pytest.mark.parametrize(
    ("decimal", "cells", "milliseconds"),
    [
        (",", ["1,50", "12,25", "0,75"], 870_000),
        (",", ["1.234,5", "1 000", "2"], 74_070_000 + 60_000_000 + 120_000),
        (",", ["1,234", "1.234", "0,001"], 74_040 + 74_040_000 + 60),
        (".", ["1,234.5", "1'000.25", "2"], 74_070_000 + 60_015_000 + 120_000),
    ],
)
def test_numbers_are_read_in_the_notation_of_the_map(
    terminal: Terminal, decimal: str, cells: list[str], milliseconds: int
) -> None:
    form = f'[file]\ndelimiter = ";"\ndecimal = "{decimal}"\n'
    map_text = form + SIMPLE.replace('duration = "secs"', 'duration = { column = "secs", unit = "minutes" }')
    lines = [f"{index};2026-05-01T10:00:00Z;{cell}" for index, cell in enumerate(cells)]

    ingest(terminal, map_text, "\n".join(("id;start;secs", *lines)))

    assert counts(terminal) == (3, 3, milliseconds)


@pytest.mark.parametrize(("decimal", "cell"), [(",", "1.5"), (",", "12.34,5"), (".", "1,5"), (".", "1.234.5")])
def test_number_in_another_notation_is_rejected(terminal: Terminal, decimal: str, cell: str) -> None:
    printed = ingest(
        terminal, f'[file]\ndecimal = "{decimal}"\n{SIMPLE}', f'id,start,secs\na,2026-05-01T10:00:00Z,"{cell}"'
    )

    assert (
        f"line 2: data.duration: '{cell}' is not a number of seconds with the decimal sign '{decimal}' (column 'secs')."
        in printed
    )


@pytest.mark.parametrize(
    "before",
    ["sep=;\n", "Report of calls\n\nfrom;2026-05-01\n", "\n\n", "\ufeffsep=;\r\n", "id;name\n1;x\n"],
    ids=["separator", "title", "empty lines", "byte order mark", "another table"],
)
def test_lines_before_the_header_and_totals_after_it_are_skipped(terminal: Terminal, before: str) -> None:
    table = "id;start;secs\na;2026-05-01T10:00:00Z;60\nb;2026-05-01T11:00:00Z;30\n"

    printed = ingest(terminal, '[file]\ndelimiter = ";"\n' + SIMPLE, before + table + "Total:;;90\nGrand total;90\n")

    assert printed.endswith("4 rows: 2 calls, 2 rows skipped.\n")
    assert counts(terminal) == (2, 2, 90_000)


def test_call_whose_id_is_total_is_a_call(terminal: Terminal) -> None:
    ingest(terminal, SIMPLE, "id,start,secs\nTotal,2026-05-01T10:00:00Z,60\n")

    assert counts(terminal) == (1, 1, 60_000)


SPAN: Final = (
    HEAD
    + """
time = { column = "ended", fallback = "began" }
[data]
id = "id"
created_at = "began"
duration = { from = "answered", to = "ended", fallback = "secs", empty = ["-"] }
"""
    + CONSTANTS
)


def test_duration_is_the_time_between_two_columns_or_a_fallback(terminal: Terminal) -> None:
    lines = (
        "id,began,answered,ended,secs",
        "a,2026-08-30T18:08:52Z,2026-08-30T18:08:56.145Z,2026-08-30T18:10:26.145Z,7",
        "b,2026-08-30T18:08:52Z,-,2026-08-30T18:10:26.145Z,8",
        "c,2026-08-30T18:08:52Z,,,",
        "d,2026-08-30T18:08:52Z,2026-08-30T18:09:00Z,2026-08-30T18:08:59Z,",
    )

    printed = ingest(terminal, SPAN, "\n".join(lines))

    assert terminal.rows("SELECT id, duration_ms FROM conversation ORDER BY id") == [
        ("a", 90_000),
        ("b", 8_000),
        ("c", None),
    ]
    assert "line 5: data.duration: 2026-08-30T18:08:59Z (to) is before 2026-08-30T18:09:00Z (from)" in printed


@pytest.mark.parametrize(
    ("format_", "cell", "instant"),
    [
        ("%Y-%m-%d %H:%M:%S %Z", "2026-05-01 23:30:00 UTC", "2026-05-01 23:30:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2026-05-01 23:30:00 GMT+2", "2026-05-01 21:30:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2026-05-01 23:30:00 utc", "2026-05-01 23:30:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2026-05-01 23:30:00 EDT", "2026-05-02 03:30:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2026-05-01 23:30:00 Europe/Berlin", "2026-05-01 21:30:00"),
        ("%Y-%m-%d %H:%M:%S %Z", "2026-11-01 01:30:00 EST", "2026-11-01 06:30:00"),
        ("%a %b %d %H:%M:%S %Z %Y", "Fri May 01 23:30:00 Z 2026", "2026-05-01 23:30:00"),
        ("%Y-%m-%dT%H:%M:%SZ", "2026-05-01T23:30:00Z", "2026-05-01 23:30:00"),
        ("%d.%m.%Y %H:%M UTC", "01.05.2026 23:30 UTC", "2026-05-01 23:30:00"),
        ("%a %b %d %Y %H:%M:%S GMT%z (%Z)", "Fri May 01 2026 23:30:00 GMT+0200 (CEST)", "2026-05-01 21:30:00"),
        (None, "2026-05-01 23:30:00 UTC", "2026-05-01 23:30:00"),
        (None, "2026-05-01T23:30:00-0230", "2026-05-02 02:00:00"),
        ("%Y-%m-%d %H:%M:%S", "2026-05-01 23:30:00", "2026-05-02 03:30:00"),
    ],
)
@pytest.mark.parametrize("machine", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_zone_of_a_cell_is_used_on_every_machine(
    terminal: Terminal,
    set_machine_zone: Callable[[str], None],
    machine: str,
    format_: str | None,
    cell: str,
    instant: str,
) -> None:
    set_machine_zone(machine)
    created_at = f'{{ column = "start", format = "{format_}" }}' if format_ else '"start"'
    map_text = '[file]\nzone = "America/New_York"\n' + SIMPLE.replace('"start"', created_at)

    ingest(terminal, map_text, f"id,start,secs\na,{cell},1")

    assert began(terminal) == [instant]


@pytest.mark.parametrize("machine", ["UTC", "Asia/Tokyo", "Asia/Kolkata"])
@pytest.mark.parametrize("word", ["JST", "IST", "Mars/Olympus", "EST"])
def test_unclear_zone_of_a_cell_is_refused_on_every_machine(
    terminal: Terminal, set_machine_zone: Callable[[str], None], machine: str, word: str
) -> None:
    set_machine_zone(machine)
    created_at = '{ column = "start", format = "%Y-%m-%d %H:%M:%S %Z" }'
    map_text = '[file]\nzone = "America/New_York"\n' + SIMPLE.replace('"start"', created_at)

    printed = ingest(terminal, map_text, f"id,start,secs\na,2026-05-01 23:30:00 {word},1")

    assert f"line 2: data.created_at: the zone '{word}' of the cell is not UTC, GMT, Z, an offset or a name" in printed
    assert counts(terminal) == (0, 0, 0)


OPTIONAL: Final = (
    HEAD
    + """
time = { column = "start", plus = ["secs"] }
[data]
id = { template = "{start}-{caller}-{line}", optional = ["caller"] }
created_at = "start"
duration = { column = "secs", empty = ["0"] }
agent_number = "line"
"""
    + CONSTANTS
)


def test_optional_parts_of_a_template_may_be_empty(terminal: Terminal) -> None:
    lines = (
        "start,caller,line,secs",
        "2026-06-26T01:11:42Z,4,100,0",
        "2026-06-17T08:50:47Z,,101,54",
        "2026-06-12T14:23:25Z,,100,16",
        "2026-06-12T14:23:25Z,5,100,31",
        "2026-06-12T14:23:25Z,6,,45",
    )

    printed = ingest(terminal, OPTIONAL, "\n".join(lines))

    assert counts(terminal) == (4, 3, 101_000)
    assert "line 6: data.id: column 'line' is empty, but the template needs it unless it is optional." in printed


def test_receipt_says_rows_and_calls_and_warns_of_repeated_ids(terminal: Terminal) -> None:
    lines = (
        "id,start,secs",
        "5.91E+15,2026-05-01T10:00:00Z,95",
        "a,2026-05-01T10:00:00Z,1",
        "5.91E+15,2026-05-01T11:00:00Z,26",
        "a,2026-05-01T10:00:00Z,2",
        "b,2026-05-01T10:00:00Z,2",
    )

    printed = ingest(terminal, SIMPLE, "\n".join(lines))

    assert "5 rows: 3 calls, 2 of them twice.\n" in printed
    assert (
        "calls.csv, lines 2 and 4: the id '5.91E+15' has different created_at: 2026-05-01T10:00:00Z and "
        "2026-05-01T11:00:00Z. Rows with one id are one call: check id in the map, or set merge if they are its legs."
    ) in printed
    assert "'a'" not in printed


def test_receipt_names_each_of_several_files(terminal: Terminal) -> None:
    ingest(terminal, SIMPLE, "id,start,secs\na,2026-05-01T10:00:00Z,1\n", "one.csv")
    row = "a,2026-05-01T10:00:00Z,1\n"
    (terminal.folder / "two.csv").write_text("id,start,secs\n" + row * 3)

    printed = terminal.run("ingest", "--map", "map.toml", "--org", "acme", "one.csv", "two.csv")

    assert printed.splitlines()[1:] == ["one.csv: 1 row: 1 call.", "two.csv: 3 rows: 1 call in 3 rows."]


LEGS: Final = (
    """
skip = { context = ["internal"], kind = ["Fax", ""] }
merge = "sum"
[file]
columns = ["id", "context", "kind", "start", "end", "secs", "who", "disposition"]
"""
    + HEAD
    + """
time = "end"
[data]
id = "id"
channel = { value = "telephone" }
direction = { column = "context", values = { trunk = "inbound", routes = "outbound" } }
status = { column = "disposition", values = { ANSWERED = "completed", "NO ANSWER" = "unanswered" } }
created_at = "start"
duration = { column = "secs", empty = ["0"] }
agent_id = "who"
"""
)
LEG_ROWS: Final = """\
1,trunk,Call,2026-05-01T10:00:00Z,2026-05-01T10:02:00Z,120,,ANSWERED
2,trunk,Call,2026-05-01T11:00:00Z,2026-05-01T11:00:20Z,0,ann,NO ANSWER
1,routes,Call,2026-05-01T10:02:00Z,2026-05-01T10:05:00Z,180,bob,ANSWERED
2,trunk,Call,2026-05-01T11:00:20Z,2026-05-01T11:01:20Z,60,,ANSWERED
3,internal,Call,2026-05-01T11:00:20Z,2026-05-01T11:01:20Z,60,,ANSWERED
4,trunk,Fax,2026-05-01T11:00:20Z,2026-05-01T11:01:20Z,60,,ANSWERED
5,trunk,,2026-05-01T11:00:20Z,2026-05-01T11:01:20Z,60,,ANSWERED
"""


@pytest.mark.parametrize(("merge", "milliseconds"), [("sum", 300_000), ("longest", 180_000)])
def test_rows_of_one_id_are_merged_and_others_skipped(terminal: Terminal, merge: str, milliseconds: int) -> None:
    map_text = LEGS.replace("sum", merge)

    printed = ingest(terminal, map_text, LEG_ROWS)

    assert printed == (
        "7 rows: 2 accepted, 0 duplicate, 0 conflicting, 0 stale, 0 quarantined, 3 skipped, 0 rejected.\n"
        "7 rows: 2 calls, merged from 4 rows, 3 rows skipped.\n"
    )
    assert terminal.rows(
        "SELECT id, direction, status, datetime(created_at / 1000000, 'unixepoch'), duration_ms, agent_id "
        "FROM conversation ORDER BY id"
    ) == [
        ("1", "inbound", "completed", "2026-05-01 10:00:00", milliseconds, "bob"),
        ("2", "inbound", "completed", "2026-05-01 11:00:00", 60_000, "ann"),
    ]
    backwards = "\n".join(reversed(LEG_ROWS.splitlines())) + "\n"
    assert ingest(terminal, map_text, backwards).startswith("7 rows: 0 accepted, 2 duplicate, ")


def test_empty_required_cell_is_named_with_its_line_and_column(terminal: Terminal) -> None:
    map_text = SIMPLE.replace('status = { value = "completed" }', 'status = "end"').replace(
        'direction = { value = "inbound" }', 'direction = "way"'
    )
    lines = (
        "id,start,secs,way,end",
        ",2026-05-01T10:00:00Z,1,inbound,completed",
        "b,,1,inbound,completed",
        "c,2026-05-01T10:00:00Z,1,,completed",
        "d,2026-05-01T10:00:00Z,1,inbound,",
    )

    printed = ingest(terminal, map_text, "\n".join(lines))

    for line, field, column in (
        (2, "id", "id"),
        (3, "created_at", "start"),
        (4, "direction", "way"),
        (5, "status", "end"),
    ):
        reason = f"data.{field}: the column '{column}' has no value, but conversation.updated needs one."
        assert f"calls.csv, line {line}: {reason}" in printed
