"""Reads the documents: their fenced blocks, tables, headings, links and what they quote as code."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE: Final = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Document:
    """One Markdown file, or one section of it."""

    path: Path
    text: str

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def section(self, title: str) -> "Document":
        """What stands under a heading, up to the next heading of any level."""
        found = re.search(rf"^#+ {re.escape(title)}$\n(.*?)(?=^#+ |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found is not None, f"{self} has no heading {title!r}"
        return Document(self.path, found.group(1))

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks of a language, in order."""
        return [found["text"] for found in _FENCE.finditer(self.text) if found["language"] == language]

    @property
    def prose(self) -> str:
        """All but the fenced blocks."""
        return _FENCE.sub("", self.text)

    def rows(self) -> list[list[str]]:
        """The rows of all tables, each a list of its cells; heads and rules are left out."""
        lines = [line for line in self.prose.splitlines() if line.startswith("|")]
        rules = {number for number, line in enumerate(lines) if set(line) <= set("|-: ")}
        kept = [line for number, line in enumerate(lines) if not {number, number + 1} & rules]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]

    def column(self, place: int = 0) -> list[str]:
        """One column of all tables, without the marks of code."""
        return [row[place].strip("`") for row in self.rows()]

    def code(self) -> list[str]:
        """What stands between single backticks."""
        return _CODE.findall(self.prose)

    def links(self) -> list[str]:
        """The targets of all links."""
        return [found["target"] for found in _LINK.finditer(self.prose)]

    def anchors(self) -> set[str]:
        """The anchors of all headings, as hosts of repositories make them."""
        titles = (found["title"] for found in _HEADING.finditer(self.prose))
        return {re.sub(r"[^\w\- ]", "", title.replace("`", "")).lower().replace(" ", "-") for title in titles}


def read(name: str) -> Document:
    """A document by its path from the root of the repository."""
    path = ROOT / name
    return Document(path, path.read_text())


DOCUMENTS: Final = tuple(
    Document(path, path.read_text())
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md")
)
README: Final = read("README.md")
HTTP_API: Final = read("docs/reference/http-api.md")
COUNTING: Final = read("docs/reference/counting.md")
OPERATING: Final = read("docs/how-to/operating.md")
