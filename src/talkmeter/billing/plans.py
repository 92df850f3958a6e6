"""Stored plans: their versions, the default plan, and the plan of each organization. Versions never change."""

from collections.abc import Iterable
from functools import lru_cache
from secrets import token_hex
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select

from talkmeter.billing.plan import PlanContent
from talkmeter.db import billing_tables
from talkmeter.db.damage import damaged_row
from talkmeter.db.meta import PLANS_REVISION, read_meta, write_meta
from talkmeter.db.statements import Compiled, OnConflict, Row, Value, insert_rows, integer, text
from talkmeter.errors import Unavailable
from talkmeter.months import parse_month

_version = billing_tables.plan_version.c
_default = billing_tables.default_plan.c
_assignment = billing_tables.plan_assignment.c
_VERSIONS: Final = Compiled(select(*_version).order_by(_version.plan_id, _version.version))
_DEFAULTS: Final = Compiled(select(_default.month, _default.plan_id).order_by(_default.month))
_ASSIGNMENTS: Final = Compiled(
    select(_assignment.month, _assignment.plan_id)
    .where(_assignment.org_id == bindparam("org"))
    .order_by(_assignment.month)
)


class PlanVersion(NamedTuple):
    """A version of a plan; `effective` is its first month."""

    plan_id: str
    version: int
    effective: int
    content: PlanContent
    created_at: int


class Assignment(NamedTuple):
    """A plan from a month on, for one organization or as the default; `plan_id` is None for no plan."""

    month: int
    plan_id: str | None


class Plans(NamedTuple):
    """All plans."""

    versions: dict[str, list[PlanVersion]]
    """The versions of each plan, oldest first."""
    defaults: list[Assignment]
    """The default plans, in order of their first months."""

    def version_in(self, plan_id: str, month: int) -> PlanVersion | None:
        """Return the version that applies in a month: the latest one that is effective, the newest of equals."""
        versions = [version for version in self.versions.get(plan_id, ()) if version.effective <= month]
        return max(versions, key=lambda version: (version.effective, version.version), default=None)

    def numbered(self, plan_id: str, number: int) -> PlanVersion | None:
        """Return the version with a number."""
        return next((version for version in self.versions.get(plan_id, ()) if version.version == number), None)

    def default_in(self, month: int) -> str | None:
        """Return the default plan of a month."""
        return assigned_in(self.defaults, month)[1]


def assigned_in(assignments: Iterable[Assignment], month: int) -> tuple[bool, str | None]:
    """Return whether an assignment applies in a month, and its plan: the one with the latest first month."""
    latest = max((one for one in assignments if one.month <= month), key=lambda one: one.month, default=None)
    return (False, None) if latest is None else (True, latest.plan_id)


def read_plans(connection: Connection) -> Plans:
    """Return all plans. On Citus, call it before the organization's tables are read."""
    versions: dict[str, list[PlanVersion]] = {}
    for row in _VERSIONS.run(connection, ()):
        stored = decode_version(row)
        versions.setdefault(stored.plan_id, []).append(stored)
    return Plans(versions, [_assignment_of(*row) for row in _DEFAULTS.run(connection, ())])


def decode_version(row: Row) -> PlanVersion:
    """Return the version in a row of `plan_version`. Raises Damaged if its content is not a plan."""
    plan_id, version, effective, content, created_at = row
    try:
        decoded = _decode(text(content))
    except msgspec.MsgspecError as error:
        raise damaged_row(billing_tables.plan_version, row, error) from error
    return PlanVersion(text(plan_id), integer(version), integer(effective), decoded, integer(created_at))


def read_assignments(connection: Connection, org_id: str) -> list[Assignment]:
    """Return the assignments of an organization, in order of their first months."""
    return [_assignment_of(*row) for row in _ASSIGNMENTS.run(connection, (org_id,))]


def read_plans_revision(connection: Connection) -> str:
    """Return the revision of all plans; empty before the first plan."""
    return read_meta(connection, PLANS_REVISION) or ""


def add_version(connection: Connection, plan_id: str, number: int, content: PlanContent, now: int) -> None:
    """Store a new version of a plan. Raises Unavailable if another process has just stored it."""
    row = (plan_id, number, parse_month(content.effective), msgspec.json.encode(content).decode(), now)
    if not insert_rows(connection, billing_tables.plan_version, [row], OnConflict.KEEP):
        raise Unavailable(f"Plan '{plan_id}' was changed at the same moment; try again.")
    _renew_revision(connection)


def set_default(connection: Connection, month: int, plan_id: str | None) -> None:
    """Make a plan the default from a month on."""
    insert_rows(connection, billing_tables.default_plan, [(month, plan_id)], OnConflict.REPLACE)
    _renew_revision(connection)


def set_assignment(connection: Connection, org_id: str, assignment: Assignment) -> None:
    """Assign a plan to an organization from a month on; the same month replaces."""
    insert_rows(connection, billing_tables.plan_assignment, [(org_id, *assignment)], OnConflict.REPLACE)


def _renew_revision(connection: Connection) -> None:
    write_meta(connection, PLANS_REVISION, token_hex(8))


def _assignment_of(month: Value, plan_id: Value) -> Assignment:
    return Assignment(integer(month), None if plan_id is None else text(plan_id))


@lru_cache(1_024)
def _decode(content: str) -> PlanContent:
    return msgspec.json.decode(content, type=PlanContent)
