"""Rules of this repository that no linter checks (CONTRIBUTING.md, "Rules")."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.prose import ROOT, Text, all_texts, names_of_tests

PACKAGE = ROOT / "src" / "talkmeter"
CLIENT = ROOT / "client" / "src" / "talkmeter_client"
MODULES = sorted(path for package in (PACKAGE, CLIENT) for path in package.rglob("*.py"))
FOLDERS = ("src", "client", "tests", "bench", "examples", "tools")
MAX_LINES = 400
TIME_METHODS = frozenset({"now", "utcnow", "today"})
MAX_TEST_NAME = 80
# Expressions that readers stumble over, each with an example. Say it in the word that a search engine knows.
BANNED = {
    r"told": "calls that a connector told of",
    r"tell(?:s|ing)? (?:of|about|it|that|whether|what|how|others)": "what several stacks tell of one call",
    r"heard|hears?(?! from you)": "an event loop that hears once",
    r"stands? (?:in(?! for)|beside|there|first|last|alone|under|by|here|between)": "it stands in the table",
    r"at hand": "the answers at hand",
    r"of (?:which|whom|whose)": "records of which nobody knows",
    r"where (?:it|that|this|they) (?:is|are) (?:none|not|no|one|absent|missing)": "where it is none",
    r"where there (?:is|are|was|were)": "a folder in memory where there is one",
    r"as far as": "as far as it is known",
    r"go(?:es)? before": "the number goes before its id",
    r"said of": "what is said of a state",
    r"keep(?:s|ing)? (?:\w+ )?to (?:itself|themselves)": "it keeps this to itself",
    r"let(?:s|ting)? go of": "it lets go of the connection",
    r"anew": "the answer is computed anew",
    r"(?<!there )(?<!that )(?:is|are) no (?!longer|more|other|different)\w+": "this is no key",
    r"so many as|so much as": "so many as there are",
    r"whoever|whomever": "whoever waits for it",
    r"whatever (?:it|they|that|there) (?:is|are|was|were)": "whatever it is",
    r"nobody|somebody": "somebody else holds the file",
    r"who (?:asks?|asked|sends?|wants?|waits?|calls|knows|comes)": "the answer for who asked",
    r"what (?:comes|came|stands|was (?:told|sent|asked|said))": "what was sent before",
    r"what is (?:left|wanted|told|asked|meant|said|known|kept|at)": "what is left of it",
    r"un(?:proved|proven)|prov(?:ed|es)(?! (?:that|it|wrong))": "what is not proved",
    r"believe[sd]?": "how long it is believed",
    r"held against": "statements are held against the rules",
    r"giv(?:es?|ing|en) way": "ingest gives way to queries",
    r"by (?:itself|themselves)": "it stops by itself",
    r"of (?:its|their|our|his|one's) own": "a thread of its own",
    r"of (?:ours|theirs)": "a name of ours",
    r"on (?:its|their) way": "a request on its way",
    r"the (?:least|most) (?:and|that|which|of all)": "the least and the most",
    r"(?:must|may|should) be there": "the field must be there",
    r"as (?:it|they) (?:stands?|came|comes?|was|were)(?= [^a-z]|[.,;:)]|$)": "the body as it came",
    r"\w*(?:Error|Refused|Exception|raises?),? where": "Refused, where there are too many",
    r"one another": "they wait for one another",
    r"com(?:es?|ing) to (?:the same|nothing|more|an end)|came to": "all orders come to the same",
    r"spoils?|spoiled": "one bad event spoils no batch",
    r"mend(?:s|ed|ing)?": "what can be mended",
    r"dawdl\w+": "clients that dawdle",
    r"without a word": "it ends without a word",
    r"(?:kept|known|left|read|written|asked|made) of (?:it|them|him|each|all)": "what is kept of it",
    r"so that (?:nobody|none|neither)": "so that none is lost",
    r"as good as": "a disabled one is as good as none",
    r"in the clear": "a key in the clear",
}
PATTERNS = [re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE) for pattern in BANNED]
ANY_PATTERN = re.compile("|".join(pattern.pattern for pattern in PATTERNS), re.IGNORECASE)
# Texts that may contain a banned expression: the file, a part of the text, and why.
ALLOWED: tuple[tuple[str, str, str], ...] = ()


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
    uses = {path.relative_to(ROOT).as_posix(): list(clock_uses(path.read_text())) for path in MODULES}

    assert {name: found for name, found in uses.items() if found} == {
        "client/src/talkmeter_client/clock.py": ["time", "datetime.now"],
        "src/talkmeter/clock.py": ["time"],
    }


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


def banned_expressions(text: Text) -> Iterator[str]:
    """Yield `file:line: text` for each banned expression."""
    name = text.path.relative_to(ROOT).as_posix()
    flat = re.sub(r"[ \t]*\n[ \t]*(?:#|\*|//)?[ \t]*", "\n", text.text)
    for pattern in PATTERNS if ANY_PATTERN.search(flat.replace("\n", " ")) else ():
        for match in pattern.finditer(flat.replace("\n", " ")):
            around = " ".join(flat[max(0, match.start() - 40) : match.end() + 40].split())
            if not any(name == file and part in around for file, part, _ in ALLOWED):
                yield f"{name}:{text.line + flat.count(chr(10), 0, match.start())}: {around}"


@pytest.mark.parametrize(("pattern", "example"), [*zip(PATTERNS, BANNED.values(), strict=True)], ids=BANNED)
def test_banned_pattern_matches_its_example(pattern: re.Pattern[str], example: str) -> None:
    assert pattern.search(example)


def test_texts_contain_no_banned_expression() -> None:
    texts = list(all_texts())
    folders = {text.path.relative_to(ROOT).parts[0] for text in texts}
    hits = [hit for text in texts for hit in banned_expressions(text)]

    assert folders == {"src", "client", "dashboard", "docs", "README.md", "tests"}
    if hits:
        pytest.fail(f"{len(hits)} banned expressions:\n" + "\n".join(hits), pytrace=False)


def test_names_of_tests_have_at_most_80_characters() -> None:
    names = [text for path in (ROOT / "tests").rglob("*.py") for text in names_of_tests(path)]
    long = [
        f"{name.path.relative_to(ROOT)}:{name.line}: {name.text}" for name in names if len(name.text) > MAX_TEST_NAME
    ]

    if long:
        pytest.fail("Test names over 80 characters:\n" + "\n".join(long), pytrace=False)


def test_import_contracts_are_kept() -> None:
    """The contracts are in pyproject.toml, [tool.importlinter]: layers, and where SQL and Litestar may be imported."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_a_docstring_that_starts_with_a_sentence() -> None:
    texts = {path.relative_to(ROOT).as_posix(): ast.get_docstring(ast.parse(path.read_text())) for path in MODULES}
    first_paragraphs = {name: (text or "").split("\n\n")[0] for name, text in texts.items()}

    assert {name: first for name, first in first_paragraphs.items() if not first.endswith((".", ")", '"'))} == {}
