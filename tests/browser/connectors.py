"""An organization with connectors, and the signed webhooks that their providers send."""

import json
from base64 import b64encode
from hmac import digest
from typing import Final, NamedTuple
from urllib.parse import urlencode

import httpx

from talkmeter import clock
from talkmeter.accounts.connectors import disable_connector
from talkmeter.db.engine import writing
from talkmeter.ledger.connector_outcomes import DailyOutcome, add_daily_outcomes
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, day_of
from tests import local_http
from tests.connectors.metering_server import Hook, MeteringServer

PHONES: Final = "phones"
CARRIER_CALL: Final = "twilio:CA1"
AGENT_CALL: Final = "vapi:call-1"
SILENT_HOURS: Final = 31
_SECRET: Final = "a secret of 32 characters or more"


class PhoneConnectors(NamedTuple):
    """The connectors of PHONES, in the order in which the page lists them."""

    twilio: Hook
    vapi: Hook
    retell: Hook
    """Webhooks on seven days in a row, then none for SILENT_HOURS."""
    n8n: Hook
    """Disabled."""


def create_connectors(metering: MeteringServer) -> PhoneConnectors:
    """Create the connectors and send them webhooks."""
    connectors = PhoneConnectors(
        *(metering.connect(provider, _SECRET, org_id=PHONES) for provider in PhoneConnectors._fields)
    )
    _send_twilio(connectors.twilio, "CA1", "completed", CallDuration="65")
    _send_twilio(connectors.twilio, "CA2", "in-progress")
    for _ in range(2):
        assert _send_vapi(connectors.vapi, report("call-1", carrier="CA1")).status_code == 200
    for type_ in ("status-update", "status-update", "transcript"):
        assert _send_vapi(connectors.vapi, {"type": type_}).status_code == 200
    assert _send_vapi(connectors.vapi, {"type": "end-of-call-report"}).status_code == 200
    assert _send_vapi(connectors.vapi, report("call-2"), secret="another").status_code == 401
    assert connectors.twilio.outcomes(2) == {"accepted": 2}
    outcomes = {"accepted": 1, "duplicate": 1, "ignored": 3, "quarantined": 1, "rejected": 1}
    assert connectors.vapi.outcomes(7) == outcomes
    _add_old_outcomes(connectors.retell)
    with writing(metering.engine) as connection:
        assert disable_connector(connection, connectors.n8n.id, clock.now())
    return connectors


def report(call_id: str, carrier: str = "") -> dict[str, object]:
    """Return Vapi's report of a 60 second call, over the Twilio call `carrier` if given."""
    phone = {"phoneCallProvider": "twilio", "phoneCallProviderId": carrier} if carrier else {}
    return {
        "type": "end-of-call-report",
        "endedReason": "customer-ended-call",
        "startedAt": "2026-03-14T09:00:05Z",
        "endedAt": "2026-03-14T09:01:05Z",
        "call": {"id": call_id, "type": "inboundPhoneCall", "createdAt": "2026-03-14T09:00:00Z", **phone},
    }


def _send_vapi(hook: Hook, message: dict[str, object], secret: str = _SECRET) -> httpx.Response:
    body = json.dumps({"message": message})
    headers = {"Content-Type": "application/json", "X-Vapi-Secret": secret}
    return local_http.post(hook.url, content=body, headers=headers)


def _send_twilio(hook: Hook, call: str, status: str, **fields: str) -> None:
    form = {
        "CallSid": call,
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "Direction": "inbound",
        "Timestamp": "Sat, 14 Mar 2026 09:01:05 +0000",
        "To": "+15005550006",
        "From": "+15005550001",
        **fields,
    }
    text = hook.url + "".join(name + form[name] for name in sorted(form))
    signature = b64encode(digest(_SECRET.encode(), text.encode(), "sha1")).decode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    assert local_http.post(hook.url, content=urlencode(form), headers=headers).is_success


def _add_old_outcomes(hook: Hook) -> None:
    """Record four webhooks on each of seven days, the last of them SILENT_HOURS and a half ago."""
    last = clock.now() - SILENT_HOURS * MICROSECONDS_PER_HOUR - MICROSECONDS_PER_HOUR // 2
    times = [last - days * MICROSECONDS_PER_DAY for days in range(7)]
    with writing(hook.metering.engine) as connection:
        add_daily_outcomes(
            connection, [(hook.id, DailyOutcome(day_of(time), "accepted", "", 4, time)) for time in times]
        )
