"""E-mails about budgets: who gets them, how an address is confirmed, and what they contain."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from talkmeter.errors import Misconfigured
from talkmeter.notify.emails import MailServer, compose, read_mail_server
from talkmeter.notify.messages import CROSSED, CrossingData, Message, MessagePeriod
from talkmeter.settings import load_settings
from tests import local_http
from tests.api.organizations import OrganizationClient, new_organization
from tests.events import Json, conversation
from tests.servers import Server, free_port, running_server, wait_until

BUDGET = "/admin/usage/budgets/calls"
CONFIRM = "/email/confirm"
SENDER = "Example usage <usage@example.com>"


class Inbox:
    """A real SMTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.emails: list[EmailMessage] = []
        self.answers = ["250 OK"]

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.startswith("250"):
            content = cast("bytes", envelope.original_content)
            self.emails.append(message_from_bytes(content, policy=policy.default))
        return answer

    def to(self, address: str) -> list[EmailMessage]:
        """Return the e-mails to an address."""
        return [email for email in self.emails if email["To"] == address]


@contextmanager
def running_inbox() -> Iterator[tuple[Inbox, int]]:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield inbox, port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def inbox_and_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inbox, Server]]:
    with running_inbox() as (inbox, port):
        mail = {"smtp_url": f"smtp://127.0.0.1:{port}", "email_from": SENDER, "email_domains": "example.com"}
        with running_server(tmp_path_factory.mktemp("emails"), **mail) as server:
            yield inbox, server


@pytest.fixture
def inbox(inbox_and_server: tuple[Inbox, Server]) -> Inbox:
    return inbox_and_server[0]


@pytest.fixture
def org(inbox_and_server: tuple[Inbox, Server]) -> Iterator[OrganizationClient]:
    with new_organization(inbox_and_server[1]) as org:
        yield org


def put(org: OrganizationClient, *emails: str, limit: str = "2", **headers: str) -> Any:
    budget: Json = {"name": "Calls <b> & more", "metric": "total_calls", "period": "month", "limit": limit}
    conditions = {name.replace("_", "-"): value for name, value in headers.items()} or {"If-None-Match": "*"}
    return org.client.put(BUDGET, json={**budget, "thresholds": [50], "emails": emails}, headers=conditions)


def send_call(org: OrganizationClient) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    org.send(conversation("c1", created_at=now) | {"time": now})


def deliveries(org: OrganizationClient) -> dict[str, str]:
    """Return the states of the messages about the budget, by address."""
    crossings = org.client.get(BUDGET).json()["crossings"]
    return {one["target"]: one["state"] for crossing in crossings for one in crossing["deliveries"]}


def parts_of(email: EmailMessage) -> list[str]:
    return [str(part.get_content()) for part in email.iter_parts()]


def confirmation(inbox: Inbox, address: str) -> dict[str, str]:
    """Return what the link in the newest confirmation has after its #."""
    wait_until(lambda: inbox.to(address))
    [link] = re.findall(r"http\S+/email/confirm#\S+", parts_of(inbox.to(address)[-1])[0])
    fields = {name: values[0] for name, values in parse_qs(urlsplit(link).fragment).items()}
    return {"organization_id": fields["organization"], "address": fields["address"], "secret": fields["secret"]}


def test_address_of_an_allowed_domain_gets_the_message_as_text_and_html(inbox: Inbox, org: OrganizationClient) -> None:
    assert put(org, "ops@EXAMPLE.com").json()["budget"]["emails"] == ["ops@example.com"]
    send_call(org)
    wait_until(lambda: [email for email in inbox.to("ops@example.com") if org.id in parts_of(email)[0]])
    email = inbox.to("ops@example.com")[-1]
    assert (email["Subject"], email["From"]) == ("Calls <b> & more: 50 % of the budget reached", SENDER)
    plain, html = parts_of(email)
    assert f'The budget "Calls <b> & more" of {org.id} has reached 50 % of its limit.' in plain
    assert "Value:   1 of 2 (50.0 %)" in plain
    assert f"/organization/usage?organization_id={org.id}" in plain
    assert "Calls &lt;b&gt; &amp; more" in html
    wait_until(lambda: deliveries(org) == {"ops@example.com": "delivered"})


def test_other_address_gets_messages_after_its_owner_has_confirmed(inbox: Inbox, org: OrganizationClient) -> None:
    address = "ann@other.test"
    created = put(org, address)
    fields = confirmation(inbox, address)
    send_call(org)
    wait_until(lambda: deliveries(org) == {address: "dropped"})

    for wrong in ({"secret": "x"}, {"organization_id": "other"}, {"address": "eve@other.test"}):
        refused = local_http.post(f"{org.server.url}{CONFIRM}", json={**fields, **wrong})
        assert refused.status_code == 403
    answer = local_http.post(f"{org.server.url}{CONFIRM}", json=fields)
    assert (answer.status_code, answer.json()) == (200, {"address": address})
    assert local_http.post(f"{org.server.url}{CONFIRM}", json=fields).status_code == 403

    etag = created.headers["ETag"]
    assert org.client.delete(BUDGET, headers={"If-Match": etag}).status_code == 204
    put(org, address)
    wait_until(lambda: deliveries(org) == {address: "delivered"})
    assert len(inbox.to(address)) == 2


def test_confirmation_is_requested_once_a_day(inbox: Inbox, org: OrganizationClient) -> None:
    address = "bob@other.test"
    etag = put(org, address).headers["ETag"]
    confirmation(inbox, address)
    put(org, address, "ops@example.com", If_Match=etag)
    send_call(org)
    wait_until(lambda: deliveries(org).get("ops@example.com") == "delivered")
    assert len(inbox.to(address)) == 1


def test_secret_of_a_confirmation_is_stored_as_a_hash_only(inbox: Inbox, org: OrganizationClient) -> None:
    put(org, "carl@other.test")
    secret = confirmation(inbox, "carl@other.test")["secret"]
    assert secret.encode() not in b"".join(file.read_bytes() for file in org.server.folder.glob("talkmeter.db*"))
    assert secret not in org.server.log()


def test_refused_email_is_attempted_again(inbox: Inbox, org: OrganizationClient) -> None:
    inbox.answers = ["451 Try later", "250 OK"]
    put(org, "retry@example.com")
    send_call(org)
    wait_until(lambda: inbox.to("retry@example.com"))
    wait_until(lambda: deliveries(org) == {"retry@example.com": "delivered"})
    [crossing] = org.client.get(BUDGET).json()["crossings"]
    assert [attempt["status"] for attempt in crossing["deliveries"][0]["attempts"]] == [451, 250]


@pytest.mark.parametrize(
    "address", ["ops", "ops@", "ops@localhost", "a b@example.com", "ops@example.com\nBcc: x", "@x.yz"]
)
def test_text_that_is_no_address_is_rejected(org: OrganizationClient, address: str) -> None:
    answer = put(org, address)
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith("is not an e-mail address such as ops@example.com.")


def test_server_without_smtp_accepts_no_addresses(tmp_path: Any) -> None:
    with running_server(tmp_path) as server, new_organization(server) as org:
        answer = put(org, "ops@example.com")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "This server sends no e-mails: its operator must set TALKMETER_SMTP_URL.",
    )


def test_page_of_a_link_loads_nothing_and_cannot_be_framed(org: OrganizationClient) -> None:
    page = org.client.get(CONFIRM)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    [nonce, _] = re.findall(r'nonce="([^"]+)"', page.text)
    assert f"script-src 'nonce-{nonce}'" in page.headers["Content-Security-Policy"]


def test_name_of_a_budget_cannot_add_headers() -> None:
    server = MailServer(
        "127.0.0.1", 25, None, None, False, policy.default.header_factory("From", SENDER).addresses[0], "http://x"
    )
    data = CrossingData(
        budget_id="b",
        name="Calls\r\nBcc: eve@example.com\u2028",
        organization_id="acme",
        metric="total_calls",
        filter={"agent": "ann"},
        period=MessagePeriod("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        threshold=50,
        limit="2",
        value="1",
        percent="50.0",
    )
    email = compose(server, Message(CROSSED, "2026-11-05T10:00:00Z", data), "ops@example.com", "msg_1", None)
    decoded = message_from_bytes(email.as_bytes(), policy=policy.default)
    assert decoded["Bcc"] is None
    assert decoded["Subject"] == "Calls Bcc: eve@example.com : 50 % of the budget reached"
    assert "Period:  2026-11-01 to 2026-11-30 (UTC)" in parts_of(decoded)[0]


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://x:secret@y", "smtp://", "smtps://u:secret@h:port", "smtp://h/path"]
)
def test_invalid_setting_is_an_error_without_the_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("TALKMETER_SMTP_URL", url)
    monkeypatch.setenv("TALKMETER_EMAIL_FROM", SENDER)
    with pytest.raises(Misconfigured, match=r"must look like smtps://user:password@mail\.example\.com") as error:
        read_mail_server(load_settings())
    assert "secret" not in str(error.value)
