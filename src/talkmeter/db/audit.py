"""The audit log: who made, changed, revoked or deleted what, when, and for which organization.

Each entry is written in the transaction of its change. No endpoint and no command changes or deletes an entry, and no
entry contains a secret.
"""

import secrets
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, Literal, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, select

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows

MAX_DETAIL: Final = 500


class Action(StrEnum):
    """What was done."""

    ORGANIZATION_ADD = "organization.add"
    ORGANIZATION_RENAME = "organization.rename"
    ORGANIZATION_PARENT = "organization.parent"
    ORGANIZATION_REOPEN = "organization.reopen"
    ORGANIZATION_MERGE = "organization.merge"
    ORGANIZATION_MERGED = "organization.merged"
    ORGANIZATION_DELETE = "organization.delete"
    ORGANIZATION_DELETED = "organization.deleted"
    ORGANIZATION_CUSTOMER = "organization.customer"
    ORGANIZATION_VIEW = "organization.view"
    KEY_ADD = "key.add"
    KEY_REVOKE = "key.revoke"
    TOKEN_ADD = "token.add"  # noqa: S105  a name of an action
    TOKEN_REVOKE = "token.revoke"  # noqa: S105  a name of an action
    LINK_ADD = "link.add"
    SESSION_START = "session.start"
    SESSION_END = "session.end"
    LINK_END = "link.end"
    CONNECTOR_ADD = "connector.add"
    CONNECTOR_DISABLE = "connector.disable"
    CONNECTOR_ROTATE = "connector.rotate"
    CONNECTOR_REENCRYPT = "connector.reencrypt"
    CONNECTOR_PREFER = "connector.prefer"
    WEBHOOK_SET = "webhook.set"
    WEBHOOK_DELETE = "webhook.delete"
    WEBHOOK_TEST = "webhook.test"
    WEBHOOK_DISABLE = "webhook.disable"
    WEBHOOK_REENCRYPT = "webhook.reencrypt"
    RECORD_ERASE = "record.erase"
    QUARANTINE_REPLAY = "quarantine.replay"
    QUARANTINE_DROP = "quarantine.drop"
    PLAN_APPLY = "plan.apply"
    PLAN_DEFAULT = "plan.default"
    PLAN_ASSIGN = "plan.assign"
    STATEMENT_CLOSE = "statement.close"
    STATEMENT_ADJUST = "statement.adjust"
    STATEMENT_PUSH = "statement.push"
    BUDGET_SET = "budget.set"
    BUDGET_DELETE = "budget.delete"
    LEDGER_REPAIR = "ledger.repair"
    LEDGER_RESTORE = "ledger.restore"


class Actor(NamedTuple):
    """Who makes a change, by an id that is not a secret.

    `operator` is a user of the machine at the command line, `server` acts without a request; the others are credentials
    of HTTP requests.
    """

    kind: Literal["operator", "server", "key", "token", "link", "jwt", "session"]
    id: str


class AuditEntry(msgspec.Struct, frozen=True, array_like=True):
    """A row of `audit`; `at` is in microseconds. `org_id` is None for a change of no organization, or of several."""

    at: int
    id: str
    actor_kind: str
    actor_id: str
    action: Action
    org_id: str | None
    subject: str
    detail: str


_audit = tables.audit.c


def _latest(*, of_organization: bool) -> Compiled:
    query = select(*_audit)
    if of_organization:
        query = query.where(_audit.org_id == bindparam("org"))
    return Compiled(
        query.where(_audit.at >= bindparam("since"))
        .order_by(_audit.at.desc(), _audit.id.desc())
        .limit(bindparam("limit", type_=BigInteger))
    )


_LATEST: Final = _latest(of_organization=False)
_LATEST_OF_ORGANIZATION: Final = _latest(of_organization=True)


def record_audit(
    connection: Connection,
    actor: Actor,
    action: Action,
    subject: str,
    now: int,
    *,
    org_id: str | None = None,
    detail: str = "",
) -> None:
    """Add an entry in the caller's transaction; `now` is in microseconds. `detail` is cut at 500 characters."""
    record_audits(connection, actor, action, subject, now, [(org_id, detail)])


def record_audits(
    connection: Connection,
    actor: Actor,
    action: Action,
    subject: str,
    now: int,
    changes: Iterable[tuple[str | None, str]],
) -> None:
    """Add an entry for each organization and detail, as `record_audit` does."""
    rows: Iterator[Row] = (
        (now, secrets.token_hex(8), actor.kind, actor.id, action.value, org_id, subject, detail[:MAX_DETAIL])
        for org_id, detail in changes
    )
    insert_rows(connection, tables.audit, sorted(rows), OnConflict.KEEP)


def read_audit(connection: Connection, org_id: str | None, since: int, limit: int) -> list[AuditEntry]:
    """Return up to `limit` entries since an instant (microseconds), newest first; of all organizations if None."""
    rows = (
        _LATEST.run(connection, (since, limit))
        if org_id is None
        else _LATEST_OF_ORGANIZATION.run(connection, (org_id, since, limit))
    )
    return [msgspec.convert(row, AuditEntry) for row in rows]
