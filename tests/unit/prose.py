"""The texts of this repository that people read: documents, docstrings, comments, messages, and names of tests."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
_DIRECTIVE: Final = re.compile(r"#\s*(!|noqa|type:|fmt:|pragma)")
_SENTENCE: Final = re.compile(r"[A-Za-z']+ [A-Za-z']+ [A-Za-z']+|[A-Za-z]+ [a-z]+\.$")
_SQL: Final = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|PRAGMA|WITH|SET|LOCK) ")
_SCRIPT_TEXT: Final = re.compile(
    r"""
      //[^\n]*                          # a comment
    | /\*.*?\*/                         # a comment of several lines
    | "(?:[^"\\\n]|\\.)*"               # a string
    | `(?:[^`\\]|\\.)*`                 # a template
    | >[^<>{}=;]*[A-Za-z]+\ [^<>{}=;]*<  # text between tags
    """,
    re.VERBOSE | re.DOTALL,
)
_FENCED_CODE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


class Text(NamedTuple):
    """A text, and the file and line where it begins."""

    path: Path
    line: int
    text: str


def python_texts(path: Path, *, messages: bool) -> Iterator[Text]:
    """Yield the docstrings and comments of a Python file, and its messages if wanted: strings that are sentences."""
    source = path.read_text()
    tree = ast.parse(source)
    docstrings = set()
    for node in ast.walk(tree):
        # A string as a statement documents its module, class, function or the variable before it.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.add(node.value)
            yield Text(path, node.lineno, node.value.value)
    if messages:
        for node in ast.walk(tree):
            text = _literal(node) if node not in docstrings else None
            if text is not None and _SENTENCE.search(text) and not _SQL.match(text):
                yield Text(path, node.lineno, text)  # type: ignore[attr-defined]  # a literal has a line
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not _DIRECTIVE.match(token.string):
            yield Text(path, token.start[0], token.string)


def _literal(node: ast.AST) -> str | None:
    """Return the text of a string; placeholders of an f-string become dots."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def names_of_tests(path: Path) -> Iterator[Text]:
    """Yield the names of tests, as sentences."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield Text(path, node.lineno, node.name.replace("_", " "))


def script_texts(path: Path) -> Iterator[Text]:
    """Yield the comments, strings and page texts of a TypeScript or CSS file."""
    source = path.read_text()
    for match in _SCRIPT_TEXT.finditer(source):
        if " " in match[0].strip():
            yield Text(path, source.count("\n", 0, match.start()) + 1, match[0])


def document_texts(path: Path) -> Iterator[Text]:
    """Yield the lines of a Markdown document outside code blocks, joined to paragraphs."""
    source = _FENCED_CODE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text())
    for match in re.finditer(r"(?:[^\n]*\S[^\n]*\n?)+", source):
        yield Text(path, source.count("\n", 0, match.start()) + 1, match[0])


def all_texts() -> Iterator[Text]:
    """Yield every text of the repository that the rules of language cover."""
    for path in sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "client").rglob("*.py")]):
        yield from python_texts(path, messages=True)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        yield from python_texts(path, messages=False)
        yield from names_of_tests(path)
    for path in sorted((ROOT / "dashboard" / "src").rglob("*")):
        if path.suffix in {".ts", ".tsx", ".css"} and path.name != "schema.d.ts":
            yield from script_texts(path)
    for path in [ROOT / "README.md", ROOT / "client" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        yield from document_texts(path)
