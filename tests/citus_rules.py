"""What Citus does not allow, found in the text of a statement.

The tests run on plain PostgreSQL, and check every statement against these rules: each SELECT, UPDATE and DELETE of a
distributed table has `org_id = parameter`, INSERTs have VALUES with only parameters, sorted by the key, and expressions
after ON CONFLICT use only immutable functions.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import pairwise
from typing import Final

import sqlglot
from sqlalchemy.engine import make_url
from sqlglot import exp

from talkmeter.counting import COUNTERS
from talkmeter.db.statements import Compiled
from talkmeter.db.tables import DISTRIBUTED
from talkmeter.ledger import organization_rows
from talkmeter.usage import inventory, members, subtree

NAMES: Final = {table.name: table for table in DISTRIBUTED}
IMMUTABLE: Final = (exp.Coalesce, exp.Greatest, exp.Least, exp.Case, exp.If)
_COUNTERS: Final = ", ".join(f"usage_monthly.{name}" for name in COUNTERS)
_SUMS: Final = ", ".join(f"sum(usage_daily.{name}) AS sum_{number}" for number, name in enumerate(COUNTERS, 1))
FILL_MONTHS: Final = import_module("talkmeter.db.migrations.versions.0016_usage_monthly").FILL
ALL_ORGANIZATIONS: Final = frozenset(
    {
        # A migration, into a table that is distributed afterwards.
        FILL_MONTHS,
        # talkmeter copy and backup read whole tables, without a common snapshot because nothing writes meanwhile.
        *(f"SELECT count(*) AS count_1 FROM {name}" for name in NAMES),
        "SELECT organization.org_id, organization.revision FROM organization",
        "SELECT organization.org_id, organization.last_event_at FROM organization",
        "SELECT organization.org_id FROM organization",
        # The budgets' evaluator, once a second. The tables are distributed alike, so workers join their own rows.
        (
            "SELECT organization.org_id, organization.revision FROM organization "
            "WHERE organization.org_id IN (SELECT budget.org_id FROM budget)"
        ),
        # Only a request of /metrics waits for this one.
        "SELECT max(organization.last_event_at) AS max_1 FROM organization",
        # The thread that delivers messages, once a second.
        (
            "SELECT delivery.org_id, min(delivery.next_at) AS min_1 FROM delivery WHERE state = 'pending' AND "
            "(delivery.next_at <= :p OR delivery.next_at > :p) GROUP BY delivery.org_id "
            "ORDER BY min(delivery.next_at), delivery.org_id LIMIT :p"
        ),
        "SELECT min(delivery.next_at) AS min_1 FROM delivery WHERE state = 'pending'",
        # The list of all organizations, for operators.
        f"SELECT usage_monthly.org_id, {_COUNTERS} FROM usage_monthly WHERE usage_monthly.month = :p",
        (
            f"SELECT usage_daily.org_id, {_SUMS} FROM usage_daily WHERE usage_daily.dimension = :p "
            "AND usage_daily.day >= :p AND usage_daily.day < :p GROUP BY usage_daily.org_id"
        ),
        # The command that encrypts all secrets again.
        (
            f"SELECT {', '.join(f'webhook.{column.name}' for column in NAMES['webhook'].columns)} FROM webhook "
            "ORDER BY webhook.org_id, webhook.id"
        ),
    }
)
"""Queries over every organization, which Citus sends to all workers. No organization's request waits for one."""
_SEVERAL_ORGANIZATIONS: Final = re.compile(
    r"SELECT [\w., ]+ FROM organization WHERE organization\.org_id IN \((:p(, )?)+\) "
    r"ORDER BY organization\.org_id FOR UPDATE"
)
"""The lock of a transaction that writes several organizations. On Citus a transaction writes one."""


_SUBTREES: Final = (
    *(one for one in vars(members).values() if isinstance(one, Compiled)),
    *(one for group in (members._SUMS, members._DAYS) for one in group.values()),
    *(one for one in vars(subtree).values() if isinstance(one, Compiled)),
    inventory._COUNTS_OF_MEMBERS,
    organization_rows._MEMBERS_RECORDS_FROM,
)
"""Queries of a subtree: `org_id IN (parameters)`, no join but on org_id, no subquery. Workers sum their own rows."""


def violations(statement: str) -> tuple[str, ...]:
    """Return the violations of a statement, as sentences."""
    # One row of parameters stands for a thousand.
    return _violations_of(re.sub(r"(\((?::p(?:, )?)+\))(?:, \1)+", r"\1", _plain(statement)))


def _plain(statement: str) -> str:
    return re.sub(r"\$\d+(::[A-Z]+)?", ":p", " ".join(statement.split()))


@cache
def _of_subtrees() -> frozenset[str]:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    return frozenset(_plain(one.text(dialect, expanded=1)) for one in _SUBTREES)


@cache
def _violations_of(plain: str) -> tuple[str, ...]:
    if plain in ALL_ORGANIZATIONS or _SEVERAL_ORGANIZATIONS.fullmatch(plain) or _is_step_of_copy(plain):
        return ()
    if re.sub(r"\((:p(, )?)+\)", "(:p)", plain) in _of_subtrees():
        return ()
    (tree,) = sqlglot.parse(plain, dialect="postgres")
    if tree is None or not any(table.name in NAMES for table in tree.find_all(exp.Table)):
        return ()
    return tuple(_violations(tree))


def unsorted_rows(statement: str, parameters: Sequence[object]) -> str | None:
    """Return a sentence if the rows of an INSERT are not sorted by key: they could deadlock with another INSERT."""
    words = statement.split()
    if words[:2] != ["INSERT", "INTO"] or words[2] not in NAMES:
        return None
    table = NAMES[words[2]]
    width = len(table.columns)
    places = [list(table.columns).index(column) for column in table.primary_key.columns]
    rows = [parameters[begin : begin + width] for begin in range(0, len(parameters), width)]
    keys = [tuple(row[place] for place in places) for row in rows]
    if all(key < following for key, following in pairwise(keys)):
        return None
    return f"The rows for {table.name} are not in order of their key, or have one twice."


def _is_step_of_copy(plain: str) -> bool:
    """Return whether a statement of `talkmeter copy` reads the next rows by key, or the last key."""
    for name, table in NAMES.items():
        key = ", ".join(f"{name}.{column.name}" for column in table.primary_key.columns)
        every = ", ".join(f"{name}.{column.name}" for column in table.columns)
        backwards = ", ".join(f"{name}.{column.name} DESC" for column in table.primary_key.columns)
        after = ", ".join(":p" for _ in table.primary_key.columns)
        places = f"({key}) > ({after})" if "," in key else f"({key}) > (:p)"
        if plain in {
            f"SELECT {every} FROM {name} ORDER BY {key} LIMIT :p",
            f"SELECT {every} FROM {name} WHERE {places} ORDER BY {key} LIMIT :p",
            f"SELECT {key} FROM {name} ORDER BY {backwards} LIMIT :p",
        }:
            return True
    return False


def _violations(tree: exp.Expr) -> Iterator[str]:
    match tree:
        case exp.Insert():
            yield from _insert_violations(tree)
        case exp.Update() | exp.Delete():
            if not _is_pinned(tree):
                yield "An UPDATE or DELETE is not pinned to one organization."
            yield from _read_violations(tree)
        case exp.Query():
            yield from _read_violations(tree)
        case exp.Alter():
            yield from _alter_violations(tree)
        case exp.Create() | exp.Drop():
            return
        case _:
            yield f"A {tree.key.upper()} of a distributed table may not work."
    if tree.find(exp.With):
        yield "A WITH may see its own writes."
    if tree.find(exp.Rollup, exp.Cube, exp.GroupingSets):
        yield "ROLLUP, CUBE and GROUPING SETS fail."


def _read_violations(tree: exp.Expr) -> Iterator[str]:
    for select in tree.find_all(exp.Select):
        tables = [table for table in select.find_all(exp.Table) if table.find_ancestor(exp.Select) is select]
        if not any(table.name in NAMES for table in tables):
            continue
        joins = [join for join in select.find_all(exp.Join) if join.find_ancestor(exp.Select) is select]
        if len(tables) != 1 + len(joins) or not all(_joins_on_org_id(join) for join in joins):
            yield "A join is not on org_id."
        if not _is_pinned(select):
            yield "A SELECT is not pinned to one organization."


def _is_pinned(statement: exp.Expr) -> bool:
    """Return whether the WHERE requires `org_id = parameter`."""
    where = statement.args.get("where")
    return isinstance(where, exp.Where) and any(
        _is_org_id(equality.this) and isinstance(equality.expression, exp.Placeholder)
        for equality in _equalities(where.this)
    )


def _joins_on_org_id(join: exp.Join) -> bool:
    """Return whether the ON requires `a.org_id = b.org_id`."""
    on = join.args.get("on")
    return isinstance(on, exp.Expr) and any(
        _is_org_id(equality.this) and _is_org_id(equality.expression) for equality in _equalities(on)
    )


def _equalities(condition: exp.Expr) -> list[exp.EQ]:
    conjuncts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
    return [conjunct for conjunct in conjuncts if isinstance(conjunct, exp.EQ)]


def _is_org_id(side: object) -> bool:
    return isinstance(side, exp.Column) and side.name == "org_id"


def _alter_violations(tree: exp.Alter) -> Iterator[str]:
    if len(tree.args["actions"]) != 1:
        yield "An ALTER has several actions."
    for column in tree.find_all(exp.ColumnDef):
        if column.find(exp.UniqueColumnConstraint, exp.CheckColumnConstraint):
            yield "A column is added with an unnamed constraint."
        kind = column.args["kind"].sql(dialect="postgres").upper()
        if "SERIAL" in kind or column.find(exp.GeneratedAsIdentityColumnConstraint):
            yield "A column is added that generates its own values."


def _insert_violations(tree: exp.Insert) -> Iterator[str]:
    values = tree.expression
    if not isinstance(values, exp.Values):
        yield "An INSERT takes its rows from something other than VALUES."
    elif not all(isinstance(value, exp.Placeholder) for row in values.expressions for value in row.expressions):
        yield "The rows of an INSERT contain something other than parameters."
    conflict = tree.args.get("conflict")
    if conflict is not None:
        keys = [key.name for key in conflict.args.get("conflict_keys") or ()]
        if "org_id" not in keys:
            yield "ON CONFLICT names a key without org_id."
        yield from _expression_violations("DO UPDATE", conflict)
    returning = tree.args.get("returning")
    if returning is not None:
        yield from _expression_violations("RETURNING", returning)


def _expression_violations(where: str, clause: exp.Expr) -> Iterator[str]:
    if clause.find(exp.Query):
        yield f"{where} contains a subquery."
    for function in clause.find_all(exp.Func):
        # AND and OR are functions to the parser.
        if not isinstance(function, (*IMMUTABLE, exp.And, exp.Or)):
            yield f"{where} uses {function.sql(dialect='postgres')}, which may not be immutable."
