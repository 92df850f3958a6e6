"""Read the documents: their code blocks, tables, headings, links and inline code."""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_HEADING: Final = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_IMAGE: Final = re.compile(r'(?:src|srcset)="(?P<target>[^"]+)"')
_CODE: Final = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Document:
    """A Markdown file, or one section of it."""

    path: Path
    text: str

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def section(self, title: str) -> "Document":
        """Return the text below a heading, up to the next heading of any level."""
        found = re.search(rf"^#+ {re.escape(title)}$\n(.*?)(?=^#+ |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found is not None, f"{self} has no heading {title!r}"
        return Document(self.path, found.group(1))

    def blocks(self, language: str) -> list[str]:
        """Return the code blocks of a language, in order."""
        return [dedent(found["text"]) for found in _FENCE.finditer(self.text) if found["language"] == language]

    @property
    def prose(self) -> str:
        """The text without its code blocks."""
        return _FENCE.sub("", self.text)

    def rows(self) -> list[list[str]]:
        """Return the rows of all tables as lists of cells, without heads and rules."""
        lines = [line for line in self.prose.splitlines() if line.startswith("|")]
        rules = {number for number, line in enumerate(lines) if set(line) <= set("|-: ")}
        kept = [line for number, line in enumerate(lines) if not {number, number + 1} & rules]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]

    def column(self, index: int = 0) -> list[str]:
        """Return one column of all tables, without backticks around a cell."""
        return [row[index].strip("`") for row in self.rows()]

    def code(self) -> list[str]:
        """Return all inline code."""
        return _CODE.findall(self.prose)

    def links(self) -> list[str]:
        """Return the targets of all links and images."""
        return [found["target"] for pattern in (_LINK, _IMAGE) for found in pattern.finditer(self.prose)]

    def anchors(self) -> set[str]:
        """Return the anchors that repository hosts generate for the headings."""
        titles = (found["title"] for found in _HEADING.finditer(self.prose))
        return {re.sub(r"[^\w\- ]", "", title.replace("`", "")).lower().replace(" ", "-") for title in titles}


def read(name: str) -> Document:
    """Read a document by its path from the root of the repository."""
    path = ROOT / name
    return Document(path, path.read_text())


DOCUMENTS: Final = tuple(
    Document(path, path.read_text())
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md")
)
README: Final = read("README.md")
TUTORIAL: Final = read("docs/tutorial.md")
HTTP_API: Final = read("docs/reference/http-api.md")
COUNTING: Final = read("docs/reference/counting.md")
SETTINGS_PAGE: Final = read("docs/how-to/settings.md")
MONITORING: Final = read("docs/how-to/monitoring.md")
