"""`talkmeter restore`: put a backup in place of a SQLite ledger, without reviving what was revoked since."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed, TalkmeterError
from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from talkmeter.accounts.revocations import Revocations
    from talkmeter.db.engine import Connection
    from talkmeter.ledger.organizations import Organization

_ENDINGS = ("", "-wal", "-shm")
"""The endings of the files of a SQLite database."""


class _Since(NamedTuple):
    """What ended since the backup: revoked credentials, and merged or deleted organizations."""

    revocations: "Revocations"
    closed: "list[Organization]"


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--revoke-all", is_flag=True, help="Revoke all keys and tokens of the backup and disable its connectors.")
@click.option(
    "--keep-credentials", is_flag=True, help="Let all keys, tokens and connectors of the backup work as it has them."
)
def restore(file: Path, *, revoke_all: bool, keep_credentials: bool) -> None:
    """Replace the SQLite ledger by the backup FILE. Stop the server first.

    What was revoked since the backup stays revoked: it is read from the present ledger, which is kept beside. All
    browser sessions and sign-in links end.
    """
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import open_engine, translate_errors, writing
    from talkmeter.db.migrate import migrate
    from talkmeter.db.sqlite import database_file, file_url, require_unused, write_copy
    from talkmeter.ledger.copy import assign_new_identity

    if revoke_all and keep_credentials:
        raise OperationFailed("Give either --revoke-all or --keep-credentials.")
    target = database_file(load_settings().database_url)
    if target.exists():
        if target.samefile(file):
            raise OperationFailed(f"{file} is the ledger itself; give a backup.")
        require_unused(target)
    part = target.with_name(f".{target.name}.restore")
    _remove(part)
    try:
        backup = open_engine(file_url(file))
        try:
            with translate_errors():
                write_copy(backup, part)
        finally:
            backup.dispose()
        copy = open_engine(file_url(part))
        try:
            migrate(copy)
            assign_new_identity(copy)
            with writing(copy) as connection:
                sentence = _revoke(connection, target, revoke_all=revoke_all, keep_credentials=keep_credentials)
                record_audit(connection, operator(), Action.LEDGER_RESTORE, file.name, clock.now(), detail=sentence)
        finally:
            copy.dispose()
        kept = _move_away(target)
        part.replace(target)
    finally:
        _remove(part)
    click.echo(sentence)
    click.echo("All browser sessions and sign-in links have ended." + (f" The old ledger is {kept}." if kept else ""))
    click.echo("Check the ledger with 'talkmeter verify', then start the server.", err=True)


def _revoke(connection: "Connection", target: Path, *, revoke_all: bool, keep_credentials: bool) -> str:
    """End what must not work after the restore, and say what was ended."""
    from talkmeter.accounts.revocations import apply_revocations, end_all_sessions, revoke_everything, working_ids

    end_all_sessions(connection)
    since = _read_since(target)
    again = _close_again(connection, since.closed) if since else ""
    if revoke_all:
        return f"Revoked: {_listed(revoke_everything(connection, clock.now()))}.{again}"
    if keep_credentials:
        return f"These keys, tokens and connectors work: {_listed(working_ids(connection, clock.now()))}.{again}"
    if since is None:
        working = _listed(working_ids(connection, clock.now()))
        raise OperationFailed(
            f"The ledger {target} cannot be read, so what was revoked since the backup is not known. "
            f"These keys, tokens and connectors would work again: {working}. "
            "Give --revoke-all, or --keep-credentials and then revoke what must not work."
        )
    revoked = _listed(apply_revocations(connection, since.revocations))
    return f"Revoked since the backup, and still revoked: {revoked}.{again}"


def _close_again(connection: "Connection", closed: "list[Organization]") -> str:
    """End the access to organizations that were merged or deleted since the backup; return what remains to do."""
    from talkmeter.accounts.access import disable_connectors, end_access
    from talkmeter.ledger.organizations import Closed, find_organization

    commands: list[str] = []
    for known in closed:
        found = find_organization(connection, known.org_id)
        if found is None or found.closed is not None:
            continue
        end_access(connection, known.org_id, clock.now())
        if known.merged_into is None:
            disable_connectors(connection, known.org_id, clock.now())
        into = "" if known.merged_into is None else f" --into {known.merged_into}"
        verb = "delete" if known.closed in (Closed.DELETING, Closed.DELETED) else "merge"
        commands.append(f"'talkmeter orgs {verb} {known.org_id}{into} --yes'")
    return f" Repeat what was done since the backup: {', '.join(commands)}." if commands else ""


def _read_since(target: Path) -> _Since | None:
    """Return what ended in the present ledger, or None if it cannot be read."""
    from talkmeter.accounts.revocations import read_revocations
    from talkmeter.db.engine import open_engine, reading, translate_errors
    from talkmeter.db.sqlite import file_url
    from talkmeter.ledger.organizations import list_organizations

    if not target.exists():
        return None
    present = open_engine(file_url(target))
    try:
        with translate_errors(), reading(present) as connection:
            closed = [known for known in list_organizations(connection) if known.closed is not None]
            return _Since(read_revocations(connection), closed)
    except TalkmeterError:
        return None
    finally:
        present.dispose()


def _move_away(target: Path) -> Path | None:
    """Rename the files of the present ledger; return the new name of the main one, or None if there is none."""
    moment = datetime.fromtimestamp(clock.now() / clock.MICROSECONDS_PER_SECOND, UTC)
    kept = target.with_name(f"{target.name}.before-{moment:%Y%m%dT%H%M%S%fZ}")
    for ending in _ENDINGS:
        with suppress(FileNotFoundError):
            Path(f"{target}{ending}").rename(f"{kept}{ending}")
    return kept if kept.exists() else None


def _remove(file: Path) -> None:
    for ending in _ENDINGS:
        Path(f"{file}{ending}").unlink(missing_ok=True)


def _listed(ids: list[str]) -> str:
    return ", ".join(ids) or "none"
