"""Links in the documents work, and every document can be reached."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, Document, read

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=str)


def is_broken(document: Document, target: str) -> bool:
    """Return whether a relative link is broken."""
    if "://" in target:
        return False
    name, _, anchor = target.partition("#")
    path = (document.path.parent / name) if name else document.path
    return not path.exists() or bool(anchor and anchor not in Document(path, path.read_text()).anchors())


@each_document
def test_relative_links_work(document: Document) -> None:
    assert [target for target in document.links() if is_broken(document, target)] == []


@each_document
def test_files_named_in_a_document_exist(document: Document) -> None:
    named = re.compile(r"(?:src|tests|docs|bench|tools|examples|requirements)/[\w./-]*\w")

    assert [text for text in document.code() if named.fullmatch(text) and not (ROOT / text).exists()] == []


def test_every_document_is_reachable_from_the_readme() -> None:
    reached: set[Path] = set()
    queue = [ROOT / "README.md"]
    while queue:
        path = queue.pop()
        reached.add(path)
        targets = [link.partition("#")[0] for link in Document(path, path.read_text()).links() if "://" not in link]
        found = {(path.parent / target).resolve() for target in targets if target.endswith(".md")}
        queue += found - reached

    assert {document.path for document in DOCUMENTS} <= reached


def test_decisions_are_numbered_without_a_gap_and_listed_in_order() -> None:
    listed = [Path(target).name for target in read("docs/decisions/README.md").links()]

    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    assert listed == [path.name for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decision_has_a_status_line_with_a_date(path: Path) -> None:
    status = path.read_text().splitlines()[2]
    superseding = re.findall(r"\((\d{4}-[\w-]+\.md)\)", status)

    assert re.fullmatch(r"Status: (accepted|superseded by .+)\. Date: \d{4}-\d\d-\d\d\.", status)
    assert bool(superseding) == status.startswith("Status: superseded")
    assert all(name > path.name for name in superseding)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decision_has_context_decision_consequence_and_what_enforces_it(path: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)

    assert headings[0].startswith(path.name[:4] + " ")
    assert headings[1:] == ["Context", "Decision", "Consequence", "What enforces it"]
