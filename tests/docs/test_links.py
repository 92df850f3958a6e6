"""Documents lead to each other, to files that exist and to headings that stand there."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, Document, read

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=str)


def missing(document: Document, target: str) -> bool:
    """Whether a relative link leads nowhere."""
    if "://" in target:
        return False
    name, _, anchor = target.partition("#")
    path = (document.path.parent / name) if name else document.path
    return not path.exists() or bool(anchor and anchor not in Document(path, path.read_text()).anchors())


@every_document
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Document) -> None:
    assert [target for target in document.links() if missing(document, target)] == []


@every_document
def test_every_file_that_a_document_names_exists(document: Document) -> None:
    named = re.compile(r"(?:src|tests|docs|bench|tools|examples|requirements)/[\w./-]*\w")

    assert [text for text in document.code() if named.fullmatch(text) and not (ROOT / text).exists()] == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    next_ones = [ROOT / "README.md"]
    while next_ones:
        path = next_ones.pop()
        reached.add(path)
        targets = [link.partition("#")[0] for link in Document(path, path.read_text()).links() if "://" not in link]
        found = {(path.parent / target).resolve() for target in targets if target.endswith(".md")}
        next_ones += found - reached

    assert {document.path for document in DOCUMENTS} <= reached


def test_decisions_are_numbered_without_a_gap_and_listed_in_order() -> None:
    listed = [Path(target).name for target in read("docs/decisions/README.md").links()]

    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    assert listed == [path.name for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_context_decision_consequence_and_what_enforces_it(path: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)

    assert headings[0].startswith(path.name[:4] + " ")
    assert headings[1:] == ["Context", "Decision", "Consequence", "What enforces it"]
