"""Webhooks: the URLs that an organization's messages are sent to, and the secrets that they are signed with."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, select, update

from talkmeter.accounts.connectors import SecretBox
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.db import notify_tables
from talkmeter.db.statements import Compiled, OnConflict, Row, Value, insert_rows, integer, text
from talkmeter.errors import Unprocessable, quoted
from talkmeter.ingest.connectors.signed import make_secret
from talkmeter.ledger.organization_rows import lock_organization
from talkmeter.period import MICROSECONDS_PER_DAY

MAX_WEBHOOKS: Final = 20
TEST_INTERVAL: Final = 60 * MICROSECONDS_PER_SECOND
"""The minimum time between two tests of a webhook, in microseconds."""
DISABLED_AFTER: Final = 5 * MICROSECONDS_PER_DAY
"""How long a webhook fails until it is disabled, in microseconds."""
_ID: Final = re.compile("[a-z0-9_-]{1,64}", re.ASCII)
_webhook = notify_tables.webhook.c
_OF_ORGANIZATION: Final = Compiled(
    select(*_webhook).where(_webhook.org_id == bindparam("org")).order_by(_webhook.created_at, _webhook.id)
)
_FIND: Final = Compiled(select(*_webhook).where(_webhook.org_id == bindparam("org"), _webhook.id == bindparam("id_")))
_ALL: Final = Compiled(select(*_webhook).order_by(_webhook.org_id, _webhook.id))
_COUNT: Final = Compiled(select(func.count(_webhook.id)).where(_webhook.org_id == bindparam("org")))
_DELETE: Final = Compiled(
    delete(notify_tables.webhook).where(_webhook.org_id == bindparam("org"), _webhook.id == bindparam("id_"))
)
_REPLACE_SECRETS: Final = Compiled(
    update(notify_tables.webhook)
    .where(_webhook.org_id == bindparam("org"), _webhook.id == bindparam("id_"), _webhook.secrets == bindparam("old"))
    .values(secrets=bindparam("encrypted"))
)
_SET_TESTED: Final = Compiled(
    update(notify_tables.webhook)
    .where(_webhook.org_id == bindparam("org"), _webhook.id == bindparam("id_"))
    .where(_webhook.tested_at.is_(None) | (_webhook.tested_at <= bindparam("before", type_=BigInteger)))
    .values(tested_at=bindparam("at", type_=BigInteger))
)
_SUCCEEDED: Final = Compiled(
    update(notify_tables.webhook)
    .where(_webhook.org_id == bindparam("org"), _webhook.id == bindparam("id_"), _webhook.failing_since.is_not(None))
    .values(failing_since=bindparam("never", type_=BigInteger))
)
_FAILED: Final = Compiled(
    update(notify_tables.webhook)
    .where(_webhook.org_id == bindparam("org"), _webhook.id == bindparam("id_"), _webhook.failing_since.is_(None))
    .values(failing_since=bindparam("at", type_=BigInteger))
)
_DISABLE: Final = Compiled(
    update(notify_tables.webhook)
    .where(_webhook.org_id == bindparam("org"), _webhook.id == bindparam("id_"), _webhook.disabled_at.is_(None))
    .where(_webhook.failing_since <= bindparam("before", type_=BigInteger))
    .values(disabled_at=bindparam("at", type_=BigInteger))
)


class Webhook(NamedTuple):
    """A row of `webhook`; `secrets` is encrypted, instants are in microseconds.

    `failing_since` is None if the last attempt succeeded, `disabled_at` while the webhook is in use.
    """

    org_id: str
    id: str
    url: str
    secrets: bytes
    created_at: int
    tested_at: int | None
    failing_since: int | None
    disabled_at: int | None


def check_webhook_id(id_: str) -> None:
    """Raise Unprocessable if a text cannot be the id of a webhook."""
    if _ID.fullmatch(id_) is None:
        raise Unprocessable(f"The id of a webhook has 1 to 64 of a-z, 0-9, - and _, not {quoted(id_)}.")


def set_webhook(connection: Connection, box: SecretBox, org_id: str, id_: str, url: str, now: int) -> str | None:
    """Add a webhook and return its secret; or change the URL of an existing one, enable it again, and return None.

    The caller has checked id and URL. Raises Unprocessable if the organization has too many, Misconfigured if there is
    no key to encrypt the secret with.
    """
    lock_organization(connection, org_id)
    existing = find_webhook(connection, org_id, id_)
    if existing is not None:
        changed = existing._replace(url=url, failing_since=None, disabled_at=None)
        insert_rows(connection, notify_tables.webhook, [changed], OnConflict.REPLACE)
        return None
    if integer(_COUNT.run(connection, (org_id,))[0][0]) >= MAX_WEBHOOKS:
        raise Unprocessable(f"An organization has at most {MAX_WEBHOOKS} webhooks; delete one first.")
    secret = make_secret()
    row: Row = (org_id, id_, url, box.encrypt([secret]), now, None, None, None)
    insert_rows(connection, notify_tables.webhook, [row], OnConflict.KEEP)
    return secret


def find_webhook(connection: Connection, org_id: str, id_: str) -> Webhook | None:
    """Return a webhook of an organization."""
    rows = _FIND.run(connection, (org_id, id_))
    return _webhook_of(rows[0]) if rows else None


def list_webhooks(connection: Connection, org_id: str) -> list[Webhook]:
    """Return the webhooks of an organization, oldest first."""
    return [_webhook_of(row) for row in _OF_ORGANIZATION.run(connection, (org_id,))]


def list_all_webhooks(connection: Connection) -> list[Webhook]:
    """Return the webhooks of all organizations."""
    return [_webhook_of(row) for row in _ALL.run(connection, ())]


def missing_webhooks(connection: Connection, org_id: str, ids: Iterable[str]) -> list[str]:
    """Return the ids that no webhook of an organization has, in order."""
    known = {webhook.id for webhook in list_webhooks(connection, org_id)}
    return sorted(set(ids) - known)


def delete_webhook(connection: Connection, org_id: str, id_: str) -> bool:
    """Delete a webhook; return whether it existed. Its pending deliveries are dropped when they are due."""
    return _DELETE.change(connection, (org_id, id_)) == 1


def begin_test(connection: Connection, org_id: str, id_: str, now: int) -> bool:
    """Note a test of a webhook; return False if it was tested less than a minute ago, or does not exist."""
    return _SET_TESTED.change(connection, (now, org_id, id_, now - TEST_INTERVAL)) == 1


def note_success(connection: Connection, org_id: str, id_: str) -> None:
    """Note that an attempt succeeded."""
    _SUCCEEDED.change(connection, (None, org_id, id_))


def note_failure(connection: Connection, org_id: str, id_: str, now: int) -> bool:
    """Note that an attempt failed, and disable the webhook after five days of failure; return whether it did."""
    _FAILED.change(connection, (now, org_id, id_))
    return _DISABLE.change(connection, (now, org_id, id_, now - DISABLED_AFTER)) == 1


def decrypt_secret(box: SecretBox, webhook: Webhook) -> str:
    """Return the secret of a webhook. Raises SecretUnreadable if no key decrypts it."""
    return box.open(
        webhook.secrets,
        f"webhook {webhook.id} of {webhook.org_id}",
        "delete the webhook and set it again, which makes a new secret",
    )[0]


def reencrypt(connection: Connection, box: SecretBox, webhook: Webhook) -> bool:
    """Encrypt a secret with the first key; return whether it was not. Raises SecretUnreadable like `decrypt_secret`."""
    secret = decrypt_secret(box, webhook)
    if box.is_current(webhook.secrets):
        return False
    _REPLACE_SECRETS.change(connection, (box.encrypt([secret]), webhook.org_id, webhook.id, webhook.secrets))
    return True


def _webhook_of(row: Row) -> Webhook:
    org_id, id_, url, secrets, created_at, tested_at, failing_since, disabled_at = row
    assert isinstance(secrets, bytes)  # noqa: S101  the column's type
    return Webhook(
        text(org_id),
        text(id_),
        text(url),
        secrets,
        integer(created_at),
        _instant(tested_at),
        _instant(failing_since),
        _instant(disabled_at),
    )


def _instant(value: Value) -> int | None:
    return None if value is None else integer(value)
