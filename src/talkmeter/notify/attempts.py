"""One attempt of a delivery: what it needs from the database, the request itself, and what is stored of its result."""

import asyncio
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog
from sqlalchemy import Connection
from standardwebhooks import Webhook as Signer

from talkmeter import clock
from talkmeter.accounts.connectors import SecretBox
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.db.notify_tables import PENDING
from talkmeter.errors import SecretUnreadable, Unprocessable
from talkmeter.notify.deliveries import DELIVERED, DROPPED, EMAIL, FAILED, WEBHOOK, Delivery, Outcome, finish
from talkmeter.notify.emails import compose, email_domains, read_mail_server, send
from talkmeter.notify.endpoints import outgoing_rules, read_endpoint
from talkmeter.notify.messages import CONFIRM, decode_message
from talkmeter.notify.outgoing import NotSent, Outgoing
from talkmeter.notify.recipients import is_allowed, new_secret
from talkmeter.notify.retries import next_attempt
from talkmeter.notify.webhooks import Webhook, decrypt_secret, find_webhook, note_failure, note_success
from talkmeter.settings import Settings

SERVER: Final = Actor("server", "delivery")
INTERRUPTED: Final = "interrupted"
_UNUSABLE: Final = frozenset({"deleted", "disabled", "unconfirmed"})
"""Errors after which the delivery is dropped."""

_log = structlog.get_logger()


class Prepared(NamedTuple):
    """A claimed delivery, and what its attempt needs.

    `webhook` is None if it was deleted. `may_email` says whether the address may get this message, `secret` is that of
    a confirmation.
    """

    delivery: Delivery
    webhook: Webhook | None = None
    may_email: bool = False
    secret: str | None = None


class Sender:
    """Makes attempts. Without `outgoing`, connections have the rules of production."""

    def __init__(self, settings: Settings, outgoing: Outgoing | None = None) -> None:
        self._outgoing = outgoing or Outgoing()
        self._rules = outgoing_rules(settings)
        self._box = SecretBox(settings.secret_key)
        self._mail = read_mail_server(settings)
        self._domains = email_domains(settings)

    def prepare(self, connection: Connection, delivery: Delivery, now: int) -> Prepared:
        """Read what the attempt needs, in the transaction that claims the delivery."""
        org_id, target = delivery.org_id, delivery.target
        if delivery.channel == WEBHOOK:
            return Prepared(delivery, webhook=find_webhook(connection, org_id, target))
        if decode_message(delivery.body).type == CONFIRM:
            return Prepared(delivery, may_email=True, secret=new_secret(connection, org_id, target, now))
        return Prepared(delivery, may_email=is_allowed(connection, org_id, target, self._domains))

    async def send(self, prepared: Prepared, now: int) -> int:
        """Make the attempt and return the status of the answer; `now` is in microseconds. Raises NotSent."""
        if prepared.delivery.channel == EMAIL:
            return await self._send_email(prepared)
        webhook = prepared.webhook
        if webhook is None:
            raise NotSent("deleted")
        if webhook.disabled_at is not None:
            raise NotSent("disabled")
        try:
            endpoint = read_endpoint(webhook.url, self._rules)
            secret = decrypt_secret(self._box, webhook)
        except Unprocessable:
            raise NotSent("url") from None
        except SecretUnreadable:
            raise NotSent("secret") from None
        seconds = now // MICROSECONDS_PER_SECOND
        body = prepared.delivery.body
        signature = Signer(secret).sign(prepared.delivery.message_id, datetime.fromtimestamp(seconds, UTC), body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": prepared.delivery.message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature,
        }
        return await self._outgoing.post(endpoint, headers, body.encode())

    async def _send_email(self, prepared: Prepared) -> int:
        if not prepared.may_email:
            raise NotSent("unconfirmed")
        if self._mail is None:
            raise NotSent("off")
        delivery = prepared.delivery
        message = decode_message(delivery.body)
        email = compose(self._mail, message, delivery.target, delivery.message_id, prepared.secret)
        return await send(self._mail, email)


async def attempt(sender: Sender, prepared: Prepared) -> Outcome:
    """Make an attempt and return its outcome, whatever happens; a task that is cancelled is interrupted."""
    started = clock.monotonic()
    status, kind = None, None
    try:
        status = await sender.send(prepared, clock.now())
    except NotSent as error:
        status, kind = error.status, error.kind
    except asyncio.CancelledError:
        kind = INTERRUPTED
    except Exception:  # noqa: BLE001  the attempt failed; it is made again like any other
        _log.exception("delivery failed by an error of this server")
        kind = "internal"
    return Outcome(round((clock.monotonic() - started) * 1_000), status, kind)


def record(connection: Connection, delivery: Delivery, outcome: Outcome, now: int, jitter: float) -> str:
    """Store the result of an attempt, and return the delivery's new state. `now` is in microseconds.

    After a failure it becomes due again, until three days have passed. A webhook that failed for five days is disabled.
    """
    state, next_at = _next_state(delivery, outcome, now, jitter)
    is_current = finish(connection, delivery, outcome, state, next_at)
    if delivery.channel != WEBHOOK or outcome.error in (_UNUSABLE | {INTERRUPTED}):
        return state
    if outcome.error is None:
        note_success(connection, delivery.org_id, delivery.target)
    elif is_current and note_failure(connection, delivery.org_id, delivery.target, now):
        record_audit(connection, SERVER, Action.WEBHOOK_DISABLE, delivery.target, now, org_id=delivery.org_id)
    return state


def _next_state(delivery: Delivery, outcome: Outcome, now: int, jitter: float) -> tuple[str, int]:
    if outcome.error is None:
        return DELIVERED, now
    if outcome.error in _UNUSABLE:
        return DROPPED, now
    if outcome.error == INTERRUPTED:
        return PENDING, now
    next_at = next_attempt(delivery.created_at, delivery.attempts, now, jitter)
    return (FAILED, now) if next_at is None else (PENDING, next_at)
