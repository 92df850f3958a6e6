"""Messages and deliveries of tests."""

from typing import Final

from talkmeter.accounts.connectors import SecretBox
from talkmeter.db.engine import writing
from talkmeter.notify.deliveries import Delivery, add_deliveries, claim_due
from talkmeter.notify.messages import CROSSED, CrossingData, Message, MessagePeriod
from tests.store.ledger import ORG, Ledger

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
NOW: Final = 1_800_000_000 * SECOND
KEY: Final = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
BOX: Final = SecretBox(KEY)
CROSSING: Final = CrossingData(
    budget_id="voice-nov",
    name="Outbound voice",
    organization_id=ORG,
    metric="voice_minutes",
    filter={"agent": "a1"},
    period=MessagePeriod("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    threshold=80,
    limit="12000",
    value="9600.5",
    percent="80",
)
MESSAGE: Final = Message(CROSSED, "2026-11-24T10:00:00Z", CROSSING)


def add(
    ledger: Ledger,
    id_: str = "msg_1",
    *webhooks: str,
    emails: tuple[str, ...] = (),
    org_id: str = ORG,
    now: int = NOW,
) -> None:
    """Store a message to webhooks and addresses."""
    with writing(ledger.engine) as connection:
        add_deliveries(connection, org_id, id_, MESSAGE, webhooks, emails, now)


def claimed(ledger: Ledger, now: int = NOW, org_id: str = ORG, limit: int = 100) -> list[Delivery]:
    """Claim what is due."""
    with writing(ledger.engine) as connection:
        return claim_due(connection, org_id, now, limit)
