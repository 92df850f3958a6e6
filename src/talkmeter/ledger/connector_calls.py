"""The voice calls that a connector told of and that count by what it told: those of a window, read in order of ids."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import BigInteger, Connection, Engine, bindparam, func, literal_column, or_, select

from talkmeter.db import tables
from talkmeter.db.engine import reading
from talkmeter.db.statements import Compiled, after_prefix
from talkmeter.ledger.rows import state_of
from talkmeter.period import Window
from talkmeter.records import Kind, State

READ_AT_ONCE: Final = 1_000

_call = tables.conversation.c
# A call that is linked to another one is here too: what was told of it is compared, whichever of them is counted.
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
    .limit(bindparam("most", type_=BigInteger))
)


def connector_calls(
    engine: Engine, org_id: str, prefix: str, window: Window, sources: tuple[str, str]
) -> Iterator[Sequence[State]]:
    """The winning states of a window's calls whose ids begin with a prefix and that one of two sources told, in pages.

    Each page is a snapshot of its own: whoever reads may take long between two of them.
    """
    after = prefix
    while True:
        with reading(engine) as connection:
            page = _read_page(connection, org_id, (after, after_prefix(prefix)), window, sources)
        if page:
            yield page
            after = page[-1].id
        if len(page) < READ_AT_ONCE:
            return


def _read_page(
    connection: Connection, org_id: str, ids: tuple[str, str], window: Window, sources: tuple[str, str]
) -> list[State]:
    rows = _PAGE.run(connection, (org_id, *ids, window.start, window.end, *sources, READ_AT_ONCE))
    return [state_of(Kind.CONVERSATION, row) for row in rows]
