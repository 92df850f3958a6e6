"""E-mail addresses: which ones may get messages, and the confirmation by their owners.

Addresses of an allowed domain need no confirmation.

The secret of a confirmation is made when its e-mail is sent, so that it is stored only as a hash.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, LargeBinary, bindparam, select, update

from talkmeter.accounts.sessions import SECRET_BYTES, hash_secret
from talkmeter.db import notify_tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.errors import Unprocessable, quoted
from talkmeter.notify.deliveries import add_deliveries
from talkmeter.notify.messages import CONFIRM, Confirmation, Message, message_id
from talkmeter.period import MICROSECONDS_PER_DAY, format_instant

MAX_ADDRESSES: Final = 50
LINK_DAYS: Final = 7
MAX_ADDRESS: Final = 254
_INTERVAL: Final = MICROSECONDS_PER_DAY
"""The minimum time between two requests to confirm an address, in microseconds."""
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]",
    re.ASCII,
)
_address = notify_tables.email_address.c
_OF_ORGANIZATION: Final = Compiled(
    select(*_address).where(_address.org_id == bindparam("org")).order_by(_address.address)
)
_FIND: Final = Compiled(
    select(*_address).where(_address.org_id == bindparam("org"), _address.address == bindparam("address_"))
)
_SET_SECRET: Final = Compiled(
    update(notify_tables.email_address)
    .where(_address.org_id == bindparam("org"), _address.address == bindparam("address_"))
    .values(secret_hash=bindparam("hash", type_=LargeBinary), requested_at=bindparam("at", type_=BigInteger))
)
_CONFIRM: Final = Compiled(
    update(notify_tables.email_address)
    .where(_address.org_id == bindparam("org"), _address.address == bindparam("address_"))
    .values(secret_hash=bindparam("none", type_=LargeBinary), confirmed_at=bindparam("at", type_=BigInteger))
)


class Recipient(NamedTuple):
    """A row of `email_address`; instants are in microseconds, `confirmed_at` is None until its owner has agreed."""

    org_id: str
    address: str
    created_at: int
    requested_at: int
    secret_hash: bytes | None
    confirmed_at: int | None


def read_address(address: str) -> str:
    """Return an e-mail address with its domain in lower case. Raises Unprocessable if it is not one."""
    local, at, domain = address.rpartition("@")
    normal = f"{local}{at}{domain.lower()}"
    if len(normal) > MAX_ADDRESS or _ADDRESS.fullmatch(normal) is None:
        raise Unprocessable(f"{quoted(address)} is not an e-mail address such as ops@example.com.")
    return normal


def is_allowed(connection: Connection, org_id: str, address: str, domains: frozenset[str]) -> bool:
    """Return whether messages may go to an address: its domain is allowed, or its owner has confirmed it."""
    recipient = _find(connection, org_id, address)
    return _domain(address) in domains or (recipient is not None and recipient.confirmed_at is not None)


def request_confirmations(
    connection: Connection, org_id: str, addresses: Iterable[str], domains: frozenset[str], now: int
) -> None:
    """Ask the owners of new addresses to confirm them, each at most once a day; `now` is in microseconds.

    The caller has locked the organization. Raises Unprocessable if it has too many addresses.
    """
    known = {one.address: one for one in map(_recipient_of, _OF_ORGANIZATION.run(connection, (org_id,)))}
    for address in addresses:
        recipient = known.get(address)
        if _domain(address) in domains or (recipient is not None and not _needs_request(recipient, now)):
            continue
        if recipient is None and len(known) >= MAX_ADDRESSES:
            raise Unprocessable(f"An organization has at most {MAX_ADDRESSES} addresses to confirm.")
        created_at = now if recipient is None else recipient.created_at
        known[address] = Recipient(org_id, address, created_at, now, None, None)
        insert_rows(connection, notify_tables.email_address, [known[address]], OnConflict.REPLACE)
        message = Message(CONFIRM, format_instant(now), Confirmation(organization_id=org_id, address=address))
        id_ = message_id(org_id, CONFIRM, address, str(now))
        add_deliveries(connection, org_id, id_, message, (), (address,), now)


def _needs_request(recipient: Recipient, now: int) -> bool:
    return recipient.confirmed_at is None and recipient.requested_at + _INTERVAL <= now


def new_secret(connection: Connection, org_id: str, address: str, now: int) -> str:
    """Return a new secret for the link in a confirmation, whose hash is stored; earlier links stop working."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    # The parameters of SET come in the order of the columns.
    _SET_SECRET.change(connection, (now, hash_secret(secret), org_id, address))
    return secret


def confirm(connection: Connection, org_id: str, address: str, secret: str, now: int) -> bool:
    """Confirm an address with the secret of its link; return False if it is wrong or older than a week."""
    recipient = _find(connection, org_id, address)
    expected = b"" if recipient is None or recipient.secret_hash is None else recipient.secret_hash
    if not hmac.compare_digest(expected, hash_secret(secret)) or recipient is None:
        return False
    if recipient.requested_at + LINK_DAYS * MICROSECONDS_PER_DAY <= now:
        return False
    _CONFIRM.change(connection, (None, now, org_id, address))
    return True


def _find(connection: Connection, org_id: str, address: str) -> Recipient | None:
    rows = _FIND.run(connection, (org_id, address))
    return _recipient_of(rows[0]) if rows else None


def _recipient_of(row: Row) -> Recipient:
    org_id, address, created_at, requested_at, secret_hash, confirmed_at = row
    return Recipient(
        text(org_id),
        text(address),
        integer(created_at),
        integer(requested_at),
        secret_hash if isinstance(secret_hash, bytes) else None,
        None if confirmed_at is None else integer(confirmed_at),
    )


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
