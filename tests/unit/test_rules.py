"""Rules of this repository that no linter checks (CONTRIBUTING.md, "Rules")."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "talkmeter"
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = ("src", "tests", "bench", "examples", "tools")
MAX_LINES = 400
TIME_METHODS = frozenset({"now", "utcnow", "today"})


def clock_uses(source: str) -> Iterator[str]:
    """Yield each use of the system clock in a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name == "time")
            case ast.ImportFrom(module="time"):
                yield "time"
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=attribute):
                if attribute in TIME_METHODS and owner in {"datetime", "date"}:
                    yield f"{owner}.{attribute}"
            case _:
                pass


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", ["time"]),
        ("from time import monotonic", ["time"]),
        ("from datetime import datetime\nx = datetime.now()", ["datetime.now"]),
        ("import datetime\nx = datetime.datetime.utcnow()", ["datetime.utcnow"]),
        ("from datetime import date\nx = date.today", ["date.today"]),
        ("from talkmeter import clock\nx = clock.now()", []),
        ("time = 1\nx = state.time", []),
    ],
)
def test_clock_use_is_found(source: str, found: list[str]) -> None:
    assert list(clock_uses(source)) == found


def test_only_clock_py_reads_the_system_clock() -> None:
    uses = {path.relative_to(PACKAGE).as_posix(): list(clock_uses(path.read_text())) for path in MODULES}

    assert {name: found for name, found in uses.items() if found} == {"clock.py": ["time"]}


def test_tests_send_http_through_local_http() -> None:
    """httpx reads the environment, which another thread may be changing (tests/local_http.py)."""
    calls = re.compile(r"\bhttpx\.(get|head|post|put|patch|delete|options|request|stream|Client|AsyncClient)\(")
    texts = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "tests").rglob("*.py")}

    assert sorted(name for name, text in texts.items() if calls.search(text)) == ["tests/local_http.py"]


def test_files_stay_under_400_lines() -> None:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")] + list(ROOT.glob("*.py"))
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in paths}

    assert PACKAGE / "counting.py" in paths
    assert {name: number for name, number in lines.items() if number >= MAX_LINES} == {}


def test_import_contracts_are_kept() -> None:
    """The contracts are in pyproject.toml, [tool.importlinter]: layers, and where SQL and Litestar may be imported."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_a_docstring_that_starts_with_a_sentence() -> None:
    texts = {path.relative_to(PACKAGE).as_posix(): ast.get_docstring(ast.parse(path.read_text())) for path in MODULES}
    first_paragraphs = {name: (text or "").split("\n\n")[0] for name, text in texts.items()}

    assert {name: first for name, first in first_paragraphs.items() if not first.endswith((".", ")", '"'))} == {}
