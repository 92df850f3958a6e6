"""What Citus does not allow, found in the text of a statement.

Every statement of the product runs on a plain PostgreSQL in these tests, and is held against the rules here as it is
sent: each SELECT, UPDATE and DELETE of a distributed table is pinned to one organization, INSERTs are VALUES with
nothing but parameters, in order of the key, and what follows ON CONFLICT uses no function that is not immutable.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

import sqlglot
from sqlglot import exp

from talkmeter.db.tables import DISTRIBUTED

NAMES: Final = {table.name: table for table in DISTRIBUTED}
IMMUTABLE: Final = (exp.Coalesce, exp.Greatest, exp.Least, exp.Case, exp.If)
OF_ALL_ORGANIZATIONS: Final = frozenset(
    {
        # talkmeter copy and backup: they walk whole tables and want no common snapshot, for nobody writes then.
        *(f"SELECT count(*) AS count_1 FROM {name}" for name in NAMES),
        "SELECT organization.org_id, organization.revision FROM organization",
        "SELECT organization.org_id, organization.last_event_at FROM organization",
    }
)
"""Reads of every organization, which Citus answers from all workers; no request waits for one of them."""


def violations(statement: str) -> tuple[str, ...]:
    """What is wrong with a statement, as sentences."""
    plain = re.sub(r"\$\d+(::[A-Z]+)?", ":p", " ".join(statement.split()))
    # Of a thousand rows of nothing but parameters one tells as much.
    return _violations_of(re.sub(r"(\((?::p(?:, )?)+\))(?:, \1)+", r"\1", plain))


@cache
def _violations_of(plain: str) -> tuple[str, ...]:
    if plain in OF_ALL_ORGANIZATIONS or _walks_a_table(plain):
        return ()
    (tree,) = sqlglot.parse(plain, dialect="postgres")
    if tree is None or not any(table.name in NAMES for table in tree.find_all(exp.Table)):
        return ()
    return tuple(_violations(tree))


def unsorted_rows(statement: str, parameters: Sequence[object]) -> str | None:
    """Why rows of one INSERT could deadlock with those of another: they do not stand in order of the key."""
    words = statement.split()
    if words[:2] != ["INSERT", "INTO"] or words[2] not in NAMES:
        return None
    table = NAMES[words[2]]
    width = len(table.columns)
    places = [list(table.columns).index(column) for column in table.primary_key.columns]
    rows = [parameters[begin : begin + width] for begin in range(0, len(parameters), width)]
    keys = [tuple(row[place] for place in places) for row in rows]
    if all(one < next_ for one, next_ in pairwise(keys)):
        return None
    return f"The rows for {table.name} are not in order of their key, or have one twice."


def _walks_a_table(plain: str) -> bool:
    """Whether a statement is a step of `talkmeter copy`: the next rows of a table in order of its key, or the last."""
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
            yield from _of_insert(tree)
        case exp.Update() | exp.Delete():
            if not _is_pinned(tree):
                yield "An UPDATE or DELETE is not pinned to one organization."
            yield from _of_reads(tree)
        case exp.Query():
            yield from _of_reads(tree)
        case exp.Alter():
            yield from _of_alter(tree)
        case exp.Create() | exp.Drop():
            return
        case _:
            yield f"A {tree.key.upper()} of a distributed table is not known to work."
    if tree.find(exp.With):
        yield "A WITH may see its own writes."
    if tree.find(exp.Rollup, exp.Cube, exp.GroupingSets):
        yield "ROLLUP, CUBE and GROUPING SETS fail."


def _of_reads(tree: exp.Expr) -> Iterator[str]:
    for select in tree.find_all(exp.Select):
        tables = [table for table in select.find_all(exp.Table) if table.find_ancestor(exp.Select) is select]
        if not any(table.name in NAMES for table in tables):
            continue
        joins = [join for join in select.find_all(exp.Join) if join.find_ancestor(exp.Select) is select]
        if len(tables) != 1 + len(joins) or not all(_is_of_one_organization(join) for join in joins):
            yield "A join is not on org_id."
        if not _is_pinned(select):
            yield "A SELECT is not pinned to one organization."


def _is_pinned(statement: exp.Expr) -> bool:
    """Whether `org_id = parameter` stands in the WHERE by itself or joined by AND."""
    where = statement.args.get("where")
    return isinstance(where, exp.Where) and any(
        _is_org_id(one.this) and isinstance(one.expression, exp.Placeholder) for one in _equalities(where.this)
    )


def _is_of_one_organization(join: exp.Join) -> bool:
    """Whether `a.org_id = b.org_id` stands in the ON by itself or joined by AND."""
    on = join.args.get("on")
    return isinstance(on, exp.Expr) and any(
        _is_org_id(one.this) and _is_org_id(one.expression) for one in _equalities(on)
    )


def _equalities(condition: exp.Expr) -> list[exp.EQ]:
    conjuncts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
    return [one for one in conjuncts if isinstance(one, exp.EQ)]


def _is_org_id(side: object) -> bool:
    return isinstance(side, exp.Column) and side.name == "org_id"


def _of_alter(tree: exp.Alter) -> Iterator[str]:
    if len(tree.args["actions"]) != 1:
        yield "One ALTER does several things."
    for column in tree.find_all(exp.ColumnDef):
        if column.find(exp.UniqueColumnConstraint, exp.CheckColumnConstraint):
            yield "A column is added with a constraint that has no name."
        kind = column.args["kind"].sql(dialect="postgres").upper()
        if "SERIAL" in kind or column.find(exp.GeneratedAsIdentityColumnConstraint):
            yield "A column is added that makes its own values."


def _of_insert(tree: exp.Insert) -> Iterator[str]:
    values = tree.expression
    if not isinstance(values, exp.Values):
        yield "An INSERT takes its rows from something else than VALUES."
    elif not all(isinstance(value, exp.Placeholder) for row in values.expressions for value in row.expressions):
        yield "The rows of an INSERT hold something else than parameters."
    conflict = tree.args.get("conflict")
    if conflict is not None:
        keys = [key.name for key in conflict.args.get("conflict_keys") or ()]
        if "org_id" not in keys:
            yield "ON CONFLICT names a key without org_id."
        yield from _of_expressions("DO UPDATE", conflict)
    returning = tree.args.get("returning")
    if returning is not None:
        yield from _of_expressions("RETURNING", returning)


def _of_expressions(where: str, clause: exp.Expr) -> Iterator[str]:
    if clause.find(exp.Query):
        yield f"{where} holds a subquery."
    for function in clause.find_all(exp.Func):
        # AND and OR are functions to the parser.
        if not isinstance(function, (*IMMUTABLE, exp.And, exp.Or)):
            yield f"{where} uses {function.sql(dialect='postgres')}, which may not be immutable."
