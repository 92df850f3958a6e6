"""Deliveries: each message to each target, when its next attempt is due, and the attempts that were made.

A process claims a delivery by counting its next attempt and moving `next_at` to the end of a lease. If the process
ends during the attempt, the delivery is due again when the lease has expired. The result of an attempt is stored only
if no other process has claimed the delivery since.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, select, update

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.db import notify_tables
from talkmeter.db.notify_tables import IS_PENDING, PENDING
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.notify.messages import Message, encode_message
from talkmeter.period import MICROSECONDS_PER_DAY

DELIVERED: Final = "delivered"
FAILED: Final = "failed"
DROPPED: Final = "dropped"
"""The target was deleted or disabled."""
WEBHOOK: Final = "webhook"
EMAIL: Final = "email"
LEASE: Final = 30 * MICROSECONDS_PER_SECOND
MAX_WAIT: Final = 6 * 3600 * MICROSECONDS_PER_SECOND
"""The longest time between two attempts, in microseconds. A delivery that is due later was stored by a wrong clock."""
HISTORY: Final = 90 * MICROSECONDS_PER_DAY
"""How long deliveries are listed, in microseconds. Longer than a crossing can be found again."""
_MESSAGE_ID: Final = re.compile("[A-Za-z0-9_-]{1,128}", re.ASCII)
_ORGANIZATIONS_PER_LOOK: Final = 200

_delivery = notify_tables.delivery.c
_attempt = notify_tables.delivery_attempt.c
_DUE_ORGANIZATIONS: Final = Compiled(
    select(_delivery.org_id, func.min(_delivery.next_at))
    .where(IS_PENDING)
    .where(
        (_delivery.next_at <= bindparam("now", type_=BigInteger))
        | (_delivery.next_at > bindparam("latest", type_=BigInteger))
    )
    .group_by(_delivery.org_id)
    .order_by(func.min(_delivery.next_at), _delivery.org_id)
    .limit(bindparam("organizations", type_=BigInteger))
)
_OLDEST: Final = Compiled(select(func.min(_delivery.next_at)).where(IS_PENDING))
_DUE: Final = Compiled(
    select(*_delivery)
    .where(_delivery.org_id == bindparam("org"), IS_PENDING)
    .where(
        (_delivery.next_at <= bindparam("now", type_=BigInteger))
        | (_delivery.next_at > bindparam("latest", type_=BigInteger))
    )
    .order_by(_delivery.next_at)
    .limit(bindparam("deliveries", type_=BigInteger))
)
_CLAIM: Final = Compiled(
    update(notify_tables.delivery)
    .where(_delivery.org_id == bindparam("org"), _delivery.id == bindparam("id_"), IS_PENDING)
    .where(_delivery.attempts == bindparam("before"))
    .values(attempts=bindparam("number"), next_at=bindparam("until", type_=BigInteger))
)
_FINISH: Final = Compiled(
    update(notify_tables.delivery)
    .where(_delivery.org_id == bindparam("org"), _delivery.id == bindparam("id_"), IS_PENDING)
    .where(_delivery.attempts == bindparam("number"))
    .values(state=bindparam("new_state"), next_at=bindparam("at", type_=BigInteger))
)
_END_ATTEMPT: Final = Compiled(
    update(notify_tables.delivery_attempt)
    .where(_attempt.org_id == bindparam("org"), _attempt.delivery_id == bindparam("id_"))
    .where(_attempt.number == bindparam("of_number"))
    .values(duration_ms=bindparam("duration"), status=bindparam("reply"), error=bindparam("kind"))
)
_OLD: Final = Compiled(
    select(_delivery.id)
    .where(_delivery.org_id == bindparam("org"), _delivery.created_at < bindparam("before", type_=BigInteger))
    # A clock that is far ahead must not delete what is still to be delivered.
    .where(_delivery.state != bindparam("state_to_keep"))
    .order_by(_delivery.id)
)
_DELETE_OLD: Final = Compiled(
    delete(notify_tables.delivery).where(
        _delivery.org_id == bindparam("org"), _delivery.id.in_(bindparam("ids", expanding=True))
    )
)
_DELETE_ATTEMPTS: Final = Compiled(
    delete(notify_tables.delivery_attempt).where(
        _attempt.org_id == bindparam("org"), _attempt.delivery_id.in_(bindparam("ids", expanding=True))
    )
)
_OF_TARGET: Final = Compiled(
    select(*_delivery)
    .where(_delivery.org_id == bindparam("org"), _delivery.channel == bindparam("by"))
    .where(_delivery.target == bindparam("to"))
    .order_by(_delivery.created_at.desc(), _delivery.id)
    .limit(bindparam("deliveries", type_=BigInteger))
)
_OF_MESSAGES: Final = Compiled(
    select(*_delivery).where(
        _delivery.org_id == bindparam("org"), _delivery.message_id.in_(bindparam("messages", expanding=True))
    )
)
_ATTEMPTS: Final = Compiled(
    select(*_attempt).where(
        _attempt.org_id == bindparam("org"), _attempt.delivery_id.in_(bindparam("ids", expanding=True))
    )
)


class Delivery(NamedTuple):
    """A row of `delivery`; instants are in microseconds, `attempts` counts those that have begun."""

    org_id: str
    id: str
    message_id: str
    channel: str
    target: str
    body: str
    created_at: int
    next_at: int
    attempts: int
    state: str


class Attempt(NamedTuple):
    """A row of `delivery_attempt`. `duration_ms` is None while it runs, and if its process ended during it."""

    org_id: str
    delivery_id: str
    number: int
    at: int
    duration_ms: int | None
    status: int | None
    error: str | None


class Outcome(NamedTuple):
    """The result of an attempt: its duration, the status of the reply, and the class of the error if it failed."""

    duration_ms: int
    status: int | None
    error: str | None


class DeliveryHistory(NamedTuple):
    """A delivery and its attempts in order."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]


def add_deliveries(
    connection: Connection,
    org_id: str,
    message_id: str,
    message: Message,
    webhooks: Iterable[str],
    emails: Iterable[str],
    now: int,
) -> None:
    """Store a message to webhooks (ids) and e-mail addresses, in the caller's transaction; `now` is in microseconds.

    A message that is stored for a target already is not stored again. `message_id` becomes the `webhook-id` header:
    letters, digits, `_` and `-`, at most 128; make one with `messages.message_id`. Also deletes the organization's
    finished deliveries that are older than 90 days.
    """
    if _MESSAGE_ID.fullmatch(message_id) is None:
        error = f"{message_id!r} is not the id of a message."
        raise ValueError(error)
    _delete_old(connection, org_id, now - HISTORY)
    body = encode_message(message)
    targets = [*((WEBHOOK, id_) for id_ in webhooks), *((EMAIL, address) for address in emails)]
    rows: dict[str, Row] = {}
    for channel, target in targets:
        id_ = _delivery_id(message_id, channel, target)
        rows[id_] = (org_id, id_, message_id, channel, target, body, now, now, 0, PENDING)
    insert_rows(connection, notify_tables.delivery, [rows[id_] for id_ in sorted(rows)], OnConflict.KEEP)


def due_organizations(connection: Connection, now: int) -> list[str]:
    """Return the organizations with due deliveries, the one that has waited longest first."""
    rows = _DUE_ORGANIZATIONS.run(connection, (now, now + MAX_WAIT + LEASE, _ORGANIZATIONS_PER_LOOK))
    return [text(org_id) for org_id, _ in rows]


def oldest_due(connection: Connection) -> int | None:
    """Return when the oldest pending delivery is or was due, in microseconds; None if none is pending."""
    [(oldest,)] = _OLDEST.run(connection, ())
    return None if oldest is None else integer(oldest)


def claim_due(connection: Connection, org_id: str, now: int, limit: int) -> list[Delivery]:
    """Claim up to `limit` due deliveries of an organization for an attempt; return them with the attempt's number."""
    rows = _DUE.run(connection, (org_id, now, now + MAX_WAIT + LEASE, limit))
    found = (_delivery_of(row) for row in rows)
    return [claimed for delivery in found if (claimed := _claim(connection, delivery, now)) is not None]


def claim(connection: Connection, org_id: str, message_id: str, now: int) -> list[Delivery]:
    """Claim the deliveries of one message, like `claim_due`."""
    rows = sorted(_OF_MESSAGES.run_in(connection, (org_id,), [message_id]))
    found = (_delivery_of(row) for row in rows)
    return [claimed for delivery in found if (claimed := _claim(connection, delivery, now)) is not None]


def finish(connection: Connection, delivery: Delivery, outcome: Outcome | None, state: str, next_at: int) -> bool:
    """Store the result of a claimed delivery's attempt; None: the attempt was not made.

    Returns False, and stores only the attempt, if another process has claimed the delivery since.
    """
    if outcome is not None:
        _END_ATTEMPT.change(connection, (*outcome, delivery.org_id, delivery.id, delivery.attempts))
    # The parameters of SET come first, in the order of the table's columns.
    changed = _FINISH.change(connection, (next_at, state, delivery.org_id, delivery.id, delivery.attempts))
    return changed == 1


def read_target(connection: Connection, org_id: str, channel: str, target: str, limit: int) -> list[DeliveryHistory]:
    """Return up to `limit` deliveries to a webhook or an address with their attempts, newest first."""
    rows = _OF_TARGET.run(connection, (org_id, channel, target, limit))
    return _with_attempts(connection, org_id, [_delivery_of(row) for row in rows])


def read_messages(connection: Connection, org_id: str, message_ids: Sequence[str]) -> list[DeliveryHistory]:
    """Return the deliveries of messages with their attempts, in order of creation."""
    rows = _OF_MESSAGES.run_in(connection, (org_id,), message_ids)
    found = {delivery.id: delivery for delivery in map(_delivery_of, rows)}
    return _with_attempts(connection, org_id, sorted(found.values(), key=lambda one: (one.created_at, one.id)))


def _claim(connection: Connection, delivery: Delivery, now: int) -> Delivery | None:
    """Claim a delivery; return None if another process has done so."""
    number = delivery.attempts + 1
    if not _CLAIM.change(connection, (now + LEASE, number, delivery.org_id, delivery.id, delivery.attempts)):
        return None
    row = (delivery.org_id, delivery.id, number, now, None, None, None)
    insert_rows(connection, notify_tables.delivery_attempt, [row], OnConflict.KEEP)
    return delivery._replace(attempts=number, next_at=now + LEASE)


def _delete_old(connection: Connection, org_id: str, before: int) -> None:
    ids = [row[0] for row in _OLD.run(connection, (org_id, before, PENDING))]
    if ids:
        _DELETE_ATTEMPTS.change_in(connection, (org_id,), ids)
        _DELETE_OLD.change_in(connection, (org_id,), ids)


def _with_attempts(connection: Connection, org_id: str, deliveries: list[Delivery]) -> list[DeliveryHistory]:
    if not deliveries:
        return []
    attempts: dict[str, list[Attempt]] = {}
    for row in _ATTEMPTS.run_in(connection, (org_id,), [delivery.id for delivery in deliveries]):
        attempt = _attempt_of(row)
        attempts.setdefault(attempt.delivery_id, []).append(attempt)
    return [
        DeliveryHistory(delivery, tuple(sorted(attempts.get(delivery.id, ()), key=lambda one: one.number)))
        for delivery in deliveries
    ]


def _delivery_id(message_id: str, channel: str, target: str) -> str:
    return sha256(f"{message_id}\x00{channel}\x00{target}".encode()).hexdigest()[:32]


def _delivery_of(row: Row) -> Delivery:
    org_id, id_, message_id, channel, target, body, created_at, next_at, attempts, state = row
    return Delivery(
        text(org_id),
        text(id_),
        text(message_id),
        text(channel),
        text(target),
        text(body),
        integer(created_at),
        integer(next_at),
        integer(attempts),
        text(state),
    )


def _attempt_of(row: Row) -> Attempt:
    org_id, delivery_id, number, at, duration_ms, status, error = row
    return Attempt(
        text(org_id),
        text(delivery_id),
        integer(number),
        integer(at),
        None if duration_ms is None else integer(duration_ms),
        None if status is None else integer(status),
        None if error is None else text(error),
    )
