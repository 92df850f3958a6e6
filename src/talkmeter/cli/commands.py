"""All commands in one group, and their errors as sentences."""

import errno
import os
import sys
from io import TextIOWrapper
from typing import NoReturn

import click

from talkmeter import __version__
from talkmeter.cli.audit import audit
from talkmeter.cli.backup import backup
from talkmeter.cli.breakdown import breakdown
from talkmeter.cli.budgets import budgets
from talkmeter.cli.connectors import connectors
from talkmeter.cli.copy import copy
from talkmeter.cli.costs import costs
from talkmeter.cli.demo import demo
from talkmeter.cli.erase import erase
from talkmeter.cli.export import export
from talkmeter.cli.forecast import forecast
from talkmeter.cli.ingest import ingest
from talkmeter.cli.keys import keys
from talkmeter.cli.link import link
from talkmeter.cli.map_ import map_
from talkmeter.cli.migrate import migrate
from talkmeter.cli.orgs import orgs
from talkmeter.cli.plans import plans
from talkmeter.cli.quarantine import quarantine
from talkmeter.cli.reconcile import reconcile
from talkmeter.cli.records import records
from talkmeter.cli.recover import recover
from talkmeter.cli.restore import restore
from talkmeter.cli.serve import serve
from talkmeter.cli.sessions import sessions
from talkmeter.cli.settings import settings
from talkmeter.cli.statements import statements
from talkmeter.cli.summary import summary
from talkmeter.cli.tokens import tokens
from talkmeter.cli.verify import verify
from talkmeter.cli.webhooks import webhooks
from talkmeter.errors import TalkmeterError, quoted


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="talkmeter")
def cli() -> None:
    """Exact, instant usage metering for voice and chat agents.

    Settings are environment variables TALKMETER_* (or a .env file); `talkmeter settings` lists them.
    """


_COMMANDS: tuple[click.Command, ...] = (
    *(serve, demo, migrate, orgs, keys, tokens, link, sessions, connectors, ingest, map_, reconcile),
    *(plans, costs, forecast, budgets, statements, webhooks),
    *(summary, breakdown, records, export, erase, verify, quarantine, audit),
    *(backup, restore, recover, copy, settings),
)
for command in _COMMANDS:
    cli.add_command(command)


def run() -> None:
    """Run a command. Print an error as one sentence on stderr and exit with status 1."""
    _escape_unencodable()
    try:
        _run()
    except TalkmeterError as error:
        _fail(error.detail)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.Abort:
        _fail("interrupted.", status=130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UnicodeEncodeError:
        wrong = next((argument for argument in sys.argv[1:] if not _is_utf8(argument)), None)
        if wrong is None:
            raise
        _fail(f"An argument is not UTF-8: {quoted(wrong)}.")
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            _fail("The name of a file is too long.")
        if error.errno != errno.ENOSPC:
            raise
        # Python writes the rest of its buffer again when it exits, and would print a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _fail("The output cannot be written: its disk is full.")


def _run() -> None:
    """Run a command. A driver's error that no transaction has translated is raised as a TalkmeterError."""
    try:
        cli(standalone_mode=False)
    except (TalkmeterError, click.ClickException, click.Abort, click.exceptions.Exit, UnicodeEncodeError, OSError):
        raise
    except Exception:
        # SQLAlchemy takes 0.2 s to import, and most commands end before they need it.
        from talkmeter.db.engine import translate_errors

        with translate_errors():
            raise


def _fail(sentence: str, *, status: int = 1) -> NoReturn:
    click.echo(f"talkmeter: {sentence}", err=True)
    sys.exit(status)


def _escape_unencodable() -> None:
    """Escape characters that the terminal's encoding does not have, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_utf8(text: str) -> bool:
    """Return whether a text of the command line was UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
