"""Mistakes of operators end a command with one sentence: odd database URLs, other encodings, full disks, Ctrl-C."""

import subprocess
import sys

import pytest

from tests.cli.terminal import Terminal
from tests.servers import TALKMETER

NOT_UTF8 = "\udcff"
"""How Python represents an argument of the byte 0xFF."""
INTERRUPTED = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv[1]
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt())
from talkmeter.cli import main
sys.argv = ["talkmeter", "orgs", "add", "acme"]
main()
"""


def run(terminal: Terminal, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as its own process, with more environment variables."""
    terminal.environment |= environment
    return terminal.execute_in_subprocess(*arguments)


def assert_sentence(done: "subprocess.CompletedProcess[str]", sentence: str) -> None:
    """Check that a command failed with this sentence and nothing else."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("talkmeter: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "TALKMETER_DATABASE_URL must look like sqlite:///talkmeter.db or postgresql://USER@HOST/DATABASE."),
        ("talkmeter.db", "TALKMETER_DATABASE_URL must look like sqlite:///talkmeter.db"),
        ("sqlite://talkmeter.db", "TALKMETER_DATABASE_URL must name a file, such as sqlite:///talkmeter.db"),
        ("sqlite://host/talkmeter.db", "must name a file without a host or options"),
        ("sqlite:///talkmeter.db?timeout=abc", "must name a file without a host or options"),
        ("sqlite:///talkmeter.db?isolation_level=X", "must name a file without a host or options"),
        ("sqlite:////tmp", "The database is unavailable: unable to open database file."),
        (f"sqlite:///{'a' * 300}", "The name of a file is too long."),
        (f"sqlite:///{NOT_UTF8}.db", "TALKMETER_DATABASE_URL is not UTF-8: 'sqlite:///\\udcff.db'."),
        ("postgresql://[::1/usage", "TALKMETER_DATABASE_URL must look like"),
        ("postgresql://host:port/usage", "TALKMETER_DATABASE_URL must look like"),
        ("postgresql://127.0.0.1:99999/usage", 'connection is bad: invalid port number: "99999".'),
        ("postgresql://127.0.0.1:1/usage?foo=bar", "has an option that PostgreSQL does not know: 'foo'."),
        ("postgresql://u:se@cret@127.0.0.1:1/usage", "write each @ of the user or password as %40."),
    ],
    ids=ascii,
)  # fmt: skip
def test_odd_database_url_is_one_sentence(terminal: Terminal, url: str, sentence: str) -> None:
    done = run(terminal, "orgs", "list", TALKMETER_DATABASE_URL=url)
    assert_sentence(done, sentence)
    assert "cret" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "add", "--org", "acme", "--role", "admin", "--name", NOT_UTF8),
        ("tokens", "add", "--org", "acme", "--name", NOT_UTF8),
        ("orgs", "add", "acme", "--name", NOT_UTF8),
        ("keys", "revoke", NOT_UTF8),
        ("connectors", "show", NOT_UTF8),
        ("backup", NOT_UTF8),
    ],
    ids=ascii,
)
def test_argument_that_is_not_utf8_is_one_sentence(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    terminal.run("orgs", "add", "acme")
    assert_sentence(run(terminal, *arguments), "An argument is not UTF-8: '\\udcff'.")


def test_settings_that_are_not_utf8_are_one_sentence(terminal: Terminal) -> None:
    assert_sentence(run(terminal, "serve", TALKMETER_HOST=NOT_UTF8), "TALKMETER_HOST is not UTF-8: '\\udcff'.")
    (terminal.folder / ".env").write_bytes(b"TALKMETER_LOG_LEVEL=\xff\n")
    assert_sentence(
        run(terminal, "orgs", "list"), "The file .env in the working folder cannot be read, or it is not UTF-8."
    )


def test_terminal_in_latin_1_shows_other_characters_escaped(terminal: Terminal) -> None:
    terminal.run("orgs", "add", "acme", "--name", "中")
    done = run(terminal, "orgs", "list", PYTHONIOENCODING="latin-1:strict", PYTHONUTF8="1")
    assert done.returncode == 0
    assert "\\u4e2d" in done.stdout


def test_full_disk_of_the_output_is_one_sentence(terminal: Terminal) -> None:
    terminal.run("orgs", "add", "acme")
    with open("/dev/full", "w") as full:  # noqa: PTH123  a device
        done = subprocess.run(
            [TALKMETER, "orgs", "list"],
            cwd=terminal.folder,
            env=terminal.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "talkmeter: The output cannot be written: its disk is full.\n")


@pytest.mark.parametrize("module", ["click", "talkmeter.cli.serve", "talkmeter.cli.database", "sqlalchemy"])
def test_interrupt_while_a_command_starts_is_one_sentence(terminal: Terminal, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module],
        cwd=terminal.folder,
        env=terminal.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.lstrip("\n")) == (130, "", "talkmeter: interrupted.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("serve", "--database-url", "postgresql://u:cret@h/x"), "--database-url must not contain a password"),
        (("serve", "--database-url", "postgresql://u@h/x?password=cret"), "--database-url must not contain a password"),
        (("copy", "--from", "postgresql://u:cret@h/x", "--to", "sqlite:///a.db"), "--from must not contain a password"),
        (("copy", "--from", "sqlite:///a.db", "--to", "postgresql://u:cret@h/x"), "--to must not contain a password"),
        (("demo", "--database", "postgresql://u:cret@h/x"), "--database must not contain a password"),
    ],
    ids=ascii,
)
def test_password_in_a_flag_is_refused(terminal: Terminal, arguments: tuple[str, ...], sentence: str) -> None:
    done = run(terminal, *arguments)
    assert_sentence(done, sentence)
    assert "cret" not in done.stderr


def test_serve_takes_no_secret_key_as_a_flag(terminal: Terminal) -> None:
    done = run(terminal, "serve", "--secret-key", "AAAA")
    assert done.returncode == 2
    assert "No such option '--secret-key'" in done.stderr
