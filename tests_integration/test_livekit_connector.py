"""A call that both LiveKit's webhooks and the recipe report is counted once."""

import json
import time
from pathlib import Path

from tests import local_http
from tests.connectors.cases.livekit import WEB, joined, left
from tests.connectors.metering_server import metering_server
from tests.connectors.signing import SIGNERS
from tests_integration.recipes import RECIPES, Driver
from tests_integration.test_recipes import get, send_what_is_left


def test_call_of_the_recipe_and_of_the_connector_is_counted_once(tmp_path: Path) -> None:
    signer = SIGNERS["livekit"]
    now = int(time.time())
    with metering_server(tmp_path) as meter:
        hook = meter.connect("livekit", signer.secret)
        driver = Driver(tmp_path, meter.server.url, meter.server.key(hook.org_id))
        [made] = driver.run(RECIPES[0], "hang_up")
        send_what_is_left(driver)
        for webhook in (joined(WEB, now), left(WEB, now + 1, now)):
            body = json.dumps(webhook | {"room": {"sid": "RM_hang_up", "creationTime": str(now)}}).encode()
            headers = {"Content-Type": signer.content_type, **signer.sign(hook.public_url, body, now)}
            local_http.post(hook.url, content=body, headers=headers).raise_for_status()
        figures = get(driver, "/admin/usage/summary")
        states = get(driver, f"/admin/usage/records/conversation/{made.id}")["states"]

    assert (figures["total_calls"], figures["live_calls"]) == (1, 0)
    assert len({state["event"]["source"] for state in states}) == 2
