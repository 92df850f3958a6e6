"""docs/how-to/webhooks.md: its program verifies what a server sends, and its lists match the code."""

import json
import time
from pathlib import Path

import msgspec
from standardwebhooks import Webhook as Signer

from talkmeter.notify.messages import CROSSED, decode_message, encode_message
from tests.cli.terminal import Terminal
from tests.docs.documents import read
from tests.receivers import receiver

PAGE = read("docs/how-to/webhooks.md")
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def test_program_of_the_page_verifies_a_message_and_refuses_others(tmp_path: Path) -> None:
    (program,) = PAGE.section("Verify the signature").blocks("python")
    names: dict[str, object] = {}
    exec(program, names)
    verify = names["verify"]
    assert callable(verify)
    terminal = Terminal(tmp_path)
    with receiver() as hook:
        terminal.environment |= {"TALKMETER_SECRET_KEY": KEY, "TALKMETER_OUTGOING_ORIGINS": hook.origin}
        terminal.run("orgs", "add", "acme")
        secret = terminal.run("webhooks", "set", "wh_1", hook.origin, "--org", "acme")
        terminal.run("webhooks", "test", "wh_1", "--org", "acme")
    (request,) = hook.received

    assert verify(secret, request.headers, request.body)
    assert not verify(secret, request.headers, request.body + b" ")
    assert not verify(KEY, request.headers, request.body)
    assert not verify(secret, {**request.headers, "webhook-id": "msg_2"}, request.body)
    late = {**request.headers, "webhook-timestamp": str(int(time.time()) - 301)}
    assert not verify(secret, late, request.body)
    assert Signer(secret).verify(request.body, request.headers)["type"] == "webhook.test"


def test_message_of_the_page_is_one_that_a_server_sends() -> None:
    (shown,) = PAGE.section("Messages").blocks("json")
    message = decode_message(shown)

    assert message.type == CROSSED
    assert json.loads(encode_message(message)) == msgspec.json.decode(shown)
