"""The maps in examples/maps read the small files next to them, and store no caller's number."""

from pathlib import Path
from typing import Final

import pytest

from tests.cli.terminal import Terminal

FOLDER: Final = Path(__file__).parents[2] / "examples" / "maps"
# The calls, those with a duration, and the sum of durations in milliseconds.
EXPECTED: Final = {
    "aircall": (2, 1, 90_000),
    "amazon-connect": (3, 2, 120_000 + 299_500),
    "asterisk": (2, 1, 300_000),
    "freeswitch": (3, 1, 90_000),
    "retell": (3, 2, 125_500),
    "ringcentral": (2, 1, 54_000),
    "twilio-bulkexport": (3, 2, 121_000),
    "twilio-console": (3, 2, 121_000),
    "vapi": (3, 2, 100_000),
}


def file_of(name: str) -> Path:
    [path] = (path for path in FOLDER.glob(f"{name}.*") if path.suffix != ".toml")
    return path


def test_every_map_has_an_expectation() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.toml")) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_example_map_reads_its_file(terminal: Terminal, name: str) -> None:
    ingest = ("ingest", "--map", str(FOLDER / f"{name}.toml"), "--org", "acme", str(file_of(name)))

    assert ", 0 rejected." in terminal.run(*ingest)

    assert terminal.rows("SELECT count(*), count(duration_ms), sum(duration_ms) FROM conversation") == [EXPECTED[name]]
    assert "0 accepted" in terminal.run(*ingest)
    stored = b"".join(path.read_bytes() for path in terminal.folder.glob("talkmeter.db*"))
    assert not [number for number in (b"+15550100", b"+15550101", b"+15550102", b"Anna") if number in stored]


@pytest.mark.parametrize("name", EXPECTED)
def test_suggested_map_of_an_example_is_refused_or_reads_the_same_calls(terminal: Terminal, name: str) -> None:
    suggested = terminal.run("map", "suggest", str(file_of(name)))
    (terminal.folder / "map.toml").write_text(suggested)

    done = terminal.execute("ingest", "--dry-run", "--map", "map.toml", "--org", "acme", str(file_of(name)))

    assert "CHECK" in suggested or done.returncode == 0
    assert "# check: " in suggested
