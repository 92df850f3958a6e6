"""The parents of organizations: the winning claim of each, and the members of a subtree.

Claims may arrive in any order, so an event cannot be refused because of a cycle. Reading ignores the claim with the
lowest rank of a cycle, which is the same one in any order of arrival.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from talkmeter.db import tables
from talkmeter.db.statements import ROWS_PER_STATEMENT, Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.errors import OperationFailed, Unprocessable
from talkmeter.ledger.organization_rows import lock_organization, new_revision
from talkmeter.ledger.organizations import find_organization
from talkmeter.records import Outcome, ParentClaim, classify, hash_of_parent, rank

MAX_MEMBERS: Final = ROWS_PER_STATEMENT
"""The most organizations of a subtree, with its root: as many as the `IN` list of one statement takes."""
COMMAND_SOURCE: Final = "talkmeter orgs add"
"""The source of claims of the command line."""
_claim = tables.organization_parent.c
_directory = tables.organization_directory.c
_FIND = Compiled(select(*_claim).where(_claim.org_id == bindparam("org")))
_CHILDREN = Compiled(select(*_claim).where(_claim.parent_id.in_(bindparam("parents", expanding=True))))
_LIST = Compiled(select(_claim.org_id, _claim.parent_id).where(_claim.parent_id.is_not(None)))
_DELETE = Compiled(delete(tables.organization_parent).where(_claim.org_id == bindparam("org")))
_MERGED = Compiled(
    select(_directory.org_id, _directory.merged_into).where(
        _directory.merged_into.in_(bindparam("organizations", expanding=True))
    )
)


def read_claim(connection: Connection, org_id: str) -> ParentClaim | None:
    """Return the winning claim about an organization's parent, or None if there was none."""
    rows = _FIND.run(connection, (org_id,))
    return _decode(rows[0]) if rows else None


def apply_claims(
    connection: Connection, org_id: str, batches: Sequence[Iterable[ParentClaim]]
) -> list[Counter[Outcome]]:
    """Store the claim that wins, as if they came one by one; return the outcomes of each batch.

    The caller has locked the organization.
    """
    outcomes: list[Counter[Outcome]] = [Counter() for _ in batches]
    claims = [(counts, claim) for counts, of_batch in zip(outcomes, batches, strict=True) for claim in of_batch]
    stored = winner = read_claim(connection, org_id) if claims else None
    for counts, claim in claims:
        outcome = classify(claim, winner)
        counts[outcome] += 1
        if outcome is Outcome.ACCEPTED:
            winner = claim
    if winner is not None and winner is not stored:
        row = (winner.org_id, winner.parent_id, winner.time, winner.sequence)
        rows: list[Row] = [(*row, winner.source, winner.event_id, winner.hash)]
        insert_rows(connection, tables.organization_parent, rows, OnConflict.REPLACE)
    return outcomes


def set_parent(connection: Connection, org_id: str, parent_id: str | None, now: int) -> bool:
    """Set an organization's parent, or remove it; return whether this changes it. Outranks every claim so far.

    Raises OperationFailed if the parent is not an open organization, or is the organization itself or below it.
    """
    lock_organization(connection, org_id)
    stored = read_claim(connection, org_id)
    if parent_id == (None if stored is None else stored.parent_id):
        return False
    if parent_id is not None:
        parent = find_organization(connection, parent_id)
        if parent is None or parent.closed is not None:
            state = "does not exist" if parent is None else f"is closed ({parent.closed})"
            raise OperationFailed(f"Organization '{parent_id}' {state}, so it cannot be the parent of '{org_id}'.")
        if is_below(connection, parent_id, org_id):
            where = "the same organization" if parent_id == org_id else f"below '{org_id}'"
            raise OperationFailed(f"Organization '{parent_id}' is {where}, so it cannot be the parent of '{org_id}'.")
    time = now if stored is None else max(now, stored.time + 1)
    claim = ParentClaim(org_id, parent_id, time, 0, COMMAND_SOURCE, new_revision(), hash_of_parent(parent_id))
    apply_claims(connection, org_id, [[claim]])
    return True


def read_parents(connection: Connection) -> dict[str, str]:
    """Return the parents of all organizations that have one, by id."""
    return {text(org_id): text(parent_id) for org_id, parent_id in _LIST.run(connection, ())}


def delete_claim(connection: Connection, org_id: str) -> None:
    """Delete the claim about an organization that closes."""
    _DELETE.change(connection, (org_id,))


def read_members(connection: Connection, org_id: str) -> dict[str, str | None]:
    """Return the parent of each organization of a subtree, by id: the root (None) first, then level by level.

    The children of an organization that was merged into another one are children of the other one. Raises
    Unprocessable if the subtree has more than MAX_MEMBERS.
    """
    claims: dict[str, ParentClaim] = {}
    parents: dict[str, str | None] = {org_id: None}
    current = {org_id: org_id}
    """The organization that another one was merged into; for all others, the organization itself."""
    level = [org_id]
    while level:
        merged = {str(one): current[str(into)] for one, into in _MERGED.run_in(connection, (), level)}
        current |= merged
        children = [_decode(row) for row in _CHILDREN.run_in(connection, (), [*level, *merged])]
        level = sorted({claim.org_id for claim in children} - parents.keys() - current.keys())
        for claim in children:
            claims[claim.org_id] = claim
            if claim.org_id in level:
                parents[claim.org_id] = current[claim.parent_id or ""]
                current[claim.org_id] = claim.org_id
        if len(parents) > MAX_MEMBERS:
            raise Unprocessable(
                f"More than {MAX_MEMBERS:,} organizations are in the subtree of '{org_id}'; ask for a part of it."
            )
    if org_id not in claims:
        return parents
    return _without_cycle(org_id, claims, parents, current[claims[org_id].parent_id or ""])


def _without_cycle(
    root: str, claims: Mapping[str, ParentClaim], parents: dict[str, str | None], parent_of_root: str
) -> dict[str, str | None]:
    """Return the subtree of an organization that is in a cycle, without the claim of the cycle that ranks lowest."""
    cycle, member = [root], parent_of_root
    while member != root:
        cycle.append(member)
        member = parents[member] or root
    lowest = min(cycle, key=lambda one: (rank(claims[one]), one))
    if lowest == root:
        return parents
    left: dict[str, str | None] = {}
    for one, parent in parents.items():
        if one == root or (one != lowest and parent in left):
            left[one] = parent
    return left


def is_below(connection: Connection, org_id: str, top: str) -> bool:
    """Return whether an organization is `top`, or below it."""
    seen: set[str] = set()
    one: str | None = org_id
    while one is not None and one != top and one not in seen:
        seen.add(one)
        claim = read_claim(connection, one)
        parent = None if claim is None or claim.parent_id is None else find_organization(connection, claim.parent_id)
        one = None if parent is None else parent.merged_into or parent.org_id
    return one == top


def _decode(row: Row) -> ParentClaim:
    org_id, parent_id, time, sequence, source, event_id, hash_ = row
    parent = None if parent_id is None else text(parent_id)
    digest = hash_ if isinstance(hash_, bytes) else b""
    return ParentClaim(text(org_id), parent, integer(time), integer(sequence), text(source), text(event_id), digest)
