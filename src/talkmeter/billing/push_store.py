"""Stored pushes of statement lines to Stripe, and the customers to bill."""

import re
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from talkmeter.db import billing_tables, tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows, integer, text

_CUSTOMER: Final = "stripe_customer"
_CUSTOMER_ID: Final = re.compile("cus_[A-Za-z0-9]{1,250}", re.ASCII)

_push = billing_tables.statement_push.c
_setting = tables.organization_setting.c
_PUSHES: Final = Compiled(
    select(*_push)
    .where(_push.org_id == bindparam("org"), _push.month == bindparam("of_month"))
    .where(_push.mode == bindparam("in_mode"))
)
_READ_CUSTOMER: Final = Compiled(
    select(_setting.value).where(_setting.org_id == bindparam("org"), _setting.name == bindparam("setting"))
)


class StatementPush(NamedTuple):
    """A row of `statement_push`; `item_id` is None while it is pending, `changed_at` is in microseconds."""

    org_id: str
    month: int
    number: int
    line: str
    mode: str
    customer: str
    hash: str
    item_id: str | None
    changed_at: int


def read_pushes(connection: Connection, org_id: str, month: int, mode: str) -> dict[tuple[int, str], StatementPush]:
    """Return what was pushed of an organization's month, by the statement's number and the line."""
    pushes = [
        StatementPush(
            text(org),
            integer(of_month),
            integer(number),
            text(line),
            text(in_mode),
            text(customer),
            text(hash_),
            None if item_id is None else text(item_id),
            integer(changed_at),
        )
        for org, of_month, number, line, in_mode, customer, hash_, item_id, changed_at in _PUSHES.run(
            connection, (org_id, month, mode)
        )
    ]
    return {(push.number, push.line): push for push in pushes}


def store_push(connection: Connection, push: StatementPush) -> None:
    """Insert a push, or replace it."""
    insert_rows(connection, billing_tables.statement_push, [push], OnConflict.REPLACE)


def is_customer(text_: str) -> bool:
    """Return whether a text looks like the id of a Stripe customer."""
    return _CUSTOMER_ID.fullmatch(text_) is not None


def read_customer(connection: Connection, org_id: str) -> str | None:
    """Return the Stripe customer of an organization."""
    rows = _READ_CUSTOMER.run(connection, (org_id, _CUSTOMER))
    return text(rows[0][0]) if rows else None


def set_customer(connection: Connection, org_id: str, customer: str) -> None:
    """Set the Stripe customer of an organization."""
    insert_rows(connection, tables.organization_setting, [(org_id, _CUSTOMER, customer)], OnConflict.REPLACE)
