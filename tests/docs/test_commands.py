"""Commands and options in the documents exist, and every command is documented."""

import re
from collections.abc import Iterator

import click
import pytest

from talkmeter.cli.commands import cli
from tests.docs.documents import DOCUMENTS, ROOT, Document

_USER = re.compile(r"sudo -u \w+ ")
_COMMAND = re.compile(
    # Not the service's folders, its role in a database, and the script that passes its arguments on.
    r"(?<![\w.-])(?<!/lib/)(?<!/backups/)(?<!ROLE )talkmeter((?: [\w./:-]+| \"(?!\$@)[^\"]*\")+)"
)


def commands(text: str) -> Iterator[list[str]]:
    """Yield each `talkmeter` command in a text as a list of words."""
    for found in _COMMAND.finditer(_USER.sub("", text)):
        yield found.group(1).split()


def unknown(words: list[str]) -> str | None:
    """Return the first word of a command that does not exist."""
    command: click.Command = cli
    for word in words:
        if word.startswith("-"):
            options = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}
            if word not in options:
                return word
        elif isinstance(command, click.Group):
            known = command.commands.get(word)
            if known is None:
                return word
            command = known
    return None


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("talkmeter orgs add acme", None),
        ("talkmeter orgs remove acme", "remove"),
        ("KEY=$(talkmeter keys add --org acme --forever)", "--forever"),
        ("A=b talkmeter invoice --org acme", "invoice"),
        ("sudo -u talkmeter /opt/bin/talkmeter verify --all", "--all"),
        ("ls /var/lib/talkmeter --all; talkmeter verify", None),
    ],
)
def test_unknown_command_or_option_is_found(line: str, bad: str | None) -> None:
    assert [unknown(words) for words in commands(line)] == [bad]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_commands_in_a_document_exist(document: Document) -> None:
    shown = [*document.code(), *(block for language in ("", "sh") for block in document.blocks(language))]
    found = [words for text in shown for line in text.splitlines() for words in commands(line)]

    assert {" ".join(words): bad for words in found if (bad := unknown(words))} == {}


def test_every_command_is_in_a_document() -> None:
    texts = [text for page in DOCUMENTS for text in (*page.code(), *page.blocks(""), *page.blocks("sh"))]
    shown = {words[0] for text in texts for line in text.splitlines() for words in commands(line)}

    assert set(cli.commands) <= shown


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [text for page in DOCUMENTS for text in (*page.code(), *page.blocks(""), *page.blocks("sh"))]
    named = {
        target
        for text in texts
        for words in re.findall(r"^make ([a-z -]+)", text, re.MULTILINE)
        for target in words.split()
    }

    assert named - targets == set()
