"""`talkmeter map suggest`: a first map that reads the file, and says what the file leaves open."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.errors import OperationFailed
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.mapped import read_mapped
from talkmeter.ingest.mapping import read_map
from talkmeter.ingest.suggest.suggest import suggest_map
from talkmeter.records import Conversation


def suggested(folder: Path, content: str | bytes, name: str = "calls.csv") -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return suggest_map(folder / name).text


def line_of(text: str, key: str) -> str:
    [line] = (line for line in text.splitlines() if line.startswith(f"{key} = "))
    return line.partition(" = ")[2]


def calls(folder: Path, text: str, answers: dict[str, str], name: str = "calls.csv") -> list[tuple[str, int | None]]:
    """Return status and duration of the calls that a map reads after a person has replaced lines of it."""
    lines = text.splitlines()
    for key, answer in answers.items():
        [index] = (index for index, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[index] = f"{key} = {answer}"
    (folder / "map.toml").write_text("\n".join(lines))
    found: list[tuple[str, int | None]] = []
    for part in read_mapped(folder / name, read_map(folder / "map.toml", "acme"), Sender("tests", None)):
        assert part.rejected == []
        for row in part.accepted:
            assert isinstance(row.state.record, Conversation)
            found.append((row.state.record.status, row.state.record.duration_ms))
    return found


GERMAN = """Auswertung Mai;;;;;
Anruf-ID;Beginn;Ende;Gesprächsdauer (Min.);Ergebnis;Richtung
1;01.05.2026 10:00:00;01.05.2026 10:02:00;1,50;beantwortet;eingehend
2;13.05.2026 11:00:00;13.05.2026 11:13:00;12,25;verpasst;ausgehend
Summe;;;13,75;;
"""
FRENCH = """Identifiant\tDate de début\tDate de fin\tDurée\tStatut\tSens
a\t13/05/2026 10:00\t13/05/2026 10:02\t0:01:30\tRépondu\tEntrant
b\t14/05/2026 10:00\t14/05/2026 10:02\t0:00:45\tManqué\tSortant
"""
SPANISH = """id llamada|fecha inicio|fecha fin|duración (seg)|estado|dirección
a|2026-05-13T10:00:00Z|2026-05-13T10:02:00Z|1.090|Contestada|Entrante
b|2026-05-14T10:00:00Z|2026-05-14T10:02:00Z|45,5|Perdida|Saliente
"""
ENGLISH = """Call ID,Date,Time,Duration (secs),Result,Direction
a,05/13/2026,10:00 AM,90,Answered,Inbound
b,05/14/2026,1:30 PM,45,Missed,Outbound
"""
JSON = """{"call": {"id": 1, "startedAt": 1777629600123, "durationMs": 90000, "status": "completed", "direction": "in"}}
{"call": {"id": 2, "startedAt": 1777629600123, "durationMs": 45000, "status": "no-answer", "direction": "out"}}
"""


@pytest.mark.parametrize(
    ("content", "name", "answers", "durations"),
    [
        (GERMAN, "calls.csv", {"zone": '"Europe/Berlin"'}, (90_000, 735_000)),
        (GERMAN.encode("cp1252"), "calls.csv", {"zone": '"Europe/Berlin"'}, (90_000, 735_000)),
        (GERMAN.encode("utf-16"), "calls.csv", {"zone": '"Europe/Berlin"'}, (90_000, 735_000)),
        (FRENCH, "calls.csv", {"zone": '"Europe/Paris"'}, (90_000, 45_000)),
        (SPANISH, "calls.csv", {}, (1_090_000, 45_500)),
        (ENGLISH, "calls.csv", {"zone": '"UTC"'}, (90_000, 45_000)),
        (JSON, "calls.jsonl", {}, (90_000, 45_000)),
    ],
    ids=["German", "Windows", "UTF-16", "French", "Spanish", "English", "JSON lines"],
)
def test_suggested_map_reads_the_file_once_the_zone_is_known(
    tmp_path: Path, content: str | bytes, name: str, answers: dict[str, str], durations: tuple[int, int]
) -> None:
    text = suggested(tmp_path, content, name)

    assert [key for key, value in tomllib.loads(text)["file"].items() if value == "CHECK"] == list(answers)
    assert calls(tmp_path, text, answers, name) == [("completed", durations[0]), ("unanswered", durations[1])]


@pytest.mark.parametrize(
    ("content", "key", "line"),
    [
        (
            "id,start\na,01/02/2026 10:00\n",
            "created_at",
            '{ column = "start", format = "CHECK" }  # check: the first rows fit %d/%m/%Y %H:%M and %m/%d/%Y %H:%M',
        ),
        (
            'id,duration (s)\na,"1,234"\n',
            "decimal",
            '"CHECK"  # check: the numbers have only commas; write "," or "." for the decimal sign',
        ),
        (
            "id,duration\na,90\n",
            "duration",
            '{ column = "duration", unit = "CHECK" }  # check: nothing in the file names the unit of the numbers',
        ),
        (
            "id,start,end,duration (min)\na,2026-05-01T10:00:00Z,2026-05-01T10:01:30Z,90\n",
            "duration",
            (
                '{ column = "duration (min)", unit = "CHECK" }  # check: its name says minutes, but the times of the '
                "rows fit seconds"
            ),
        ),
        (
            "id,status\na,answered\nb,weird\n",
            "status",
            (
                '{ column = "status", values = { "answered" = "completed", "weird" = "CHECK" } }  # check: one of '
                "completed, unanswered, failed, cancelled, transferred"
            ),
        ),
        (
            "call id,status\na,answered\na,answered\n",
            "id",
            (
                '"call id"  # check: 1 id is repeated; add columns in a template, or set merge if the rows are legs of '
                "a call"
            ),
        ),
        (
            "caller,start\n+1555,2026-05-01T10:00:00Z\n",
            "id",
            (
                '"CHECK"  # check: no column is named like an id; columns can be combined, such as '
                '{ template = "{a}-{b}" }'
            ),
        ),
    ],
)
def test_what_a_file_leaves_open_is_marked(tmp_path: Path, content: str, key: str, line: str) -> None:
    text = suggested(tmp_path, content)

    assert line_of(text, key) == line
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(OperationFailed):
        list(read_mapped(tmp_path / "calls.csv", read_map(tmp_path / "map.toml", "acme"), Sender("tests", None)))


def test_unit_is_found_by_the_times_of_the_rows(tmp_path: Path) -> None:
    rows = "id,start,end,duration\na,2026-05-01T10:00:00Z,2026-05-01T10:01:30Z,85000\n"

    assert line_of(suggested(tmp_path, rows), "duration") == '{ column = "duration", unit = "milliseconds" }'


def is_toml_or_error(folder: Path, content: str | bytes, name: str) -> bool:
    """Return whether a map is suggested that is TOML, or an error message names the file."""
    try:
        return bool(tomllib.loads(suggested(folder, content, name))["event"])
    except OperationFailed as error:
        return error.detail.startswith(str(folder / name))


@pytest.mark.parametrize("name", ["calls.csv", "calls.jsonl", "calls.parquet", "calls.xlsx", "calls.csv.gz"])
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_gives_toml_or_an_error_message(memory: Path, name: str, content: bytes) -> None:
    assert is_toml_or_error(memory, content, name)


@given(
    cells=st.lists(
        st.lists(
            st.sampled_from(("id", "start", "Dauer", "2026-05-01 10:00", "1,5", "01/02/2026", "10:00", '"', "=", "")),
            min_size=2,
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_table_gives_toml_or_an_error_message(memory: Path, cells: list[list[str]]) -> None:
    assert is_toml_or_error(memory, "\n".join(";".join(row) for row in cells), "calls.csv")
