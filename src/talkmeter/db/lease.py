"""Leases: what at most one process may do at a time, until it releases its lease or the lease expires.

The clocks of two machines can differ. A lease that would last much longer than any is taken for counts as expired, so a
clock that was wrong delays others only for a moment. What a holder writes must renew the lease in the same transaction.
"""

from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, or_, select, update

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows, integer

MAX_LEASE_SEC: Final = 600
_lease = tables.lease.c
_TAKE: Final = Compiled(
    update(tables.lease)
    .where(
        _lease.name == bindparam("lease"),
        or_(
            _lease.expires_at <= bindparam("now", type_=BigInteger),
            _lease.expires_at > bindparam("longest", type_=BigInteger),
        ),
    )
    .values(holder=bindparam("new_holder"), expires_at=bindparam("until", type_=BigInteger))
)
_CHANGE: Final = Compiled(
    update(tables.lease)
    .where(_lease.name == bindparam("lease"), _lease.holder == bindparam("by"))
    .values(holder=bindparam("new_holder"), expires_at=bindparam("until", type_=BigInteger))
)
_EXPIRES: Final = Compiled(select(_lease.expires_at).where(_lease.name == bindparam("lease")))


def take_lease(connection: Connection, name: str, holder: str, now: int, seconds: int) -> bool:
    """Take a lease for so many seconds from now (microseconds); return False if it has not expired."""
    insert_rows(connection, tables.lease, [(name, "", 0)], OnConflict.KEEP)
    # The parameters of SET come first.
    until, longest = (now + duration * MICROSECONDS_PER_SECOND for duration in (seconds, MAX_LEASE_SEC))
    return _TAKE.change(connection, (holder, until, name, now, longest)) == 1


def is_expired(connection: Connection, name: str, now: int) -> bool:
    """Return whether a lease can be taken now (microseconds)."""
    end = lease_end(connection, name)
    return end <= now or end > now + MAX_LEASE_SEC * MICROSECONDS_PER_SECOND


def renew_lease(connection: Connection, name: str, holder: str, now: int, seconds: int) -> bool:
    """Renew a lease for so many seconds from now; return False if another holder has taken it since."""
    return _CHANGE.change(connection, (holder, now + seconds * MICROSECONDS_PER_SECOND, name, holder)) == 1


def release_lease(connection: Connection, name: str, holder: str) -> None:
    """Release a lease, unless another holder has taken it."""
    _CHANGE.change(connection, ("", 0, name, holder))


def lease_end(connection: Connection, name: str) -> int:
    """Return when a lease expires, in microseconds; 0 if it is free."""
    rows = _EXPIRES.run(connection, (name,))
    return integer(rows[0][0]) if rows else 0
