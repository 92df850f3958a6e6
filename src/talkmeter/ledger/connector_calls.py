"""Reads a window's voice calls whose winning state came from a connector, in order of their ids."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import BigInteger, Connection, Engine, bindparam, func, literal_column, or_, select

from talkmeter.db import tables
from talkmeter.db.engine import reading
from talkmeter.db.statements import Compiled, after_prefix
from talkmeter.ledger.rows import decode_state
from talkmeter.period import Window
from talkmeter.records import Kind, State

PAGE_SIZE: Final = 1_000

_call = tables.conversation.c
# Linked calls are included: their data is compared too, even though another conversation is counted.
_created_at = func.coalesce(_call.created_at, _call.linked_created_at)
_PAGE: Final = Compiled(
    select(*_call)
    .where(
        _call.org_id == bindparam("org"),
        _call.id > bindparam("after"),
        _call.id < bindparam("end"),
        _created_at >= bindparam("start"),
        _created_at < bindparam("until"),
        _call.modality == literal_column("'voice'"),
        or_(_call.source == bindparam("source"), _call.source == bindparam("other")),
    )
    .order_by(_call.id)
    .limit(bindparam("limit", type_=BigInteger)),
    checked=False,
)


def connector_calls(
    engine: Engine, org_id: str, prefix: str, window: Window, sources: tuple[str, str]
) -> Iterator[Sequence[State]]:
    """Yield pages of winning states of a window's voice calls, by id prefix and from one of two sources.

    Each page is read in its own snapshot, because the caller may take long between two pages.
    """
    after = prefix
    while True:
        with reading(engine) as connection:
            page = _read_page(connection, org_id, (after, after_prefix(prefix)), window, sources)
        if page:
            yield page
            after = page[-1].id
        if len(page) < PAGE_SIZE:
            return


def _read_page(
    connection: Connection, org_id: str, ids: tuple[str, str], window: Window, sources: tuple[str, str]
) -> list[State]:
    rows = _PAGE.run(connection, (org_id, *ids, window.start, window.end, *sources, PAGE_SIZE))
    return [decode_state(Kind.CONVERSATION, row) for row in rows]
