"""Delivers one test message at once, in a process that runs no delivery loop."""

import asyncio

from talkmeter import clock
from talkmeter.db.audit import Actor
from talkmeter.db.engine import Engine, writing
from talkmeter.notify.attempts import Sender, attempt, record
from talkmeter.notify.change import send_test
from talkmeter.notify.deliveries import Outcome, claim


def deliver_test(engine: Engine, sender: Sender, org_id: str, webhook_id: str, actor: Actor) -> Outcome:
    """Send a test message and store the result. Raises as `send_test` does."""
    with writing(engine) as connection:
        message_id = send_test(connection, org_id, webhook_id, actor, clock.now())
        # In the same transaction, so that no server sends it too.
        [delivery] = claim(connection, org_id, message_id, clock.now())
        prepared = sender.prepare(connection, delivery, clock.now())
    with asyncio.Runner() as runner:
        outcome = runner.run(attempt(sender, prepared))
    with writing(engine) as connection:
        record(connection, delivery, outcome, clock.now(), jitter=0)
    return outcome
