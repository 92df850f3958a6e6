"""E-mails: the server that sends them, and their texts. Names of budgets cannot change headers or markup."""

import asyncio
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from html import escape
from typing import Final, NamedTuple
from urllib.parse import unquote, urlencode, urlsplit

import aiosmtplib

from talkmeter.errors import Misconfigured
from talkmeter.notify.messages import Confirmation, CrossingData, Message
from talkmeter.notify.outgoing import NotSent
from talkmeter.period import MICROSECONDS_PER_DAY, format_day, read_instant
from talkmeter.settings import Settings, public_url
from talkmeter.urls import is_loopback

DEADLINE_SEC: Final = 20
_EXAMPLE: Final = "smtps://user:password@mail.example.com"
_PORTS: Final = {"smtp": 587, "smtps": 465}
_ACCEPTED: Final = 250


class MailServer(NamedTuple):
    """An SMTP server and the sender of e-mails. Without TLS only on this machine."""

    host: str
    port: int
    username: str | None
    password: str | None
    use_tls: bool
    sender: Address
    page_url: str


def read_mail_server(settings: Settings) -> MailServer | None:
    """Return the server of the settings, or None if e-mails are off. Raises Misconfigured, without the password."""
    if not settings.smtp_url:
        return None
    try:
        url = urlsplit(settings.smtp_url)
        port = url.port or _PORTS[url.scheme]
    except (ValueError, KeyError):
        raise Misconfigured(f"TALKMETER_SMTP_URL must look like {_EXAMPLE}.") from None
    if not url.hostname or url.path.strip("/") or url.query:
        raise Misconfigured(f"TALKMETER_SMTP_URL must look like {_EXAMPLE}.")
    name, address = parseaddr(settings.email_from)
    if "@" not in address or not settings.email_from.isprintable():
        raise Misconfigured("TALKMETER_EMAIL_FROM must be the sender of e-mails, such as Usage <usage@example.com>.")
    return MailServer(
        host=url.hostname,
        port=port,
        username=None if url.username is None else unquote(url.username),
        password=None if url.password is None else unquote(url.password),
        use_tls=url.scheme == "smtps",
        sender=Address(name, addr_spec=address),
        page_url=public_url(settings),
    )


def allowed_domains(settings: Settings) -> frozenset[str] | None:
    """Return the domains whose addresses need no confirmation; None: this server sends no e-mails."""
    return email_domains(settings) if settings.smtp_url else None


def email_domains(settings: Settings) -> frozenset[str]:
    """Return the domains whose addresses need no confirmation."""
    return frozenset(domain.strip().lower() for domain in settings.email_domains.split(",")) - {""}


class _Text(NamedTuple):
    """An e-mail before it is encoded: paragraphs, rows of a table, and a link with its text."""

    subject: str
    paragraphs: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    link: tuple[str, str]


def compose(server: MailServer, message: Message, address: str, message_id: str, secret: str | None) -> EmailMessage:
    """Return the e-mail about a message, as text and HTML; `secret` is that of a confirmation."""
    content = _text_of(server, message, secret or "")
    email = EmailMessage(policy=SMTP)
    email["Subject"] = " ".join(content.subject.split())
    email["From"] = server.sender
    email["To"] = Address(addr_spec=address)
    email["Date"] = formatdate()
    email["Message-ID"] = f"<{message_id}@{server.sender.domain}>"
    # Answers of machines, such as "out of office", are not wanted.
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(_plain(content))
    email.add_alternative(_html(content), subtype="html")
    return email


async def send(server: MailServer, email: EmailMessage) -> int:
    """Send an e-mail and return the status of the server's answer. Raises NotSent."""
    try:
        async with asyncio.timeout(DEADLINE_SEC):
            await aiosmtplib.send(
                email,
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.use_tls,
                start_tls=not server.use_tls and not is_loopback(server.host),
                timeout=DEADLINE_SEC,
            )
    except TimeoutError:
        raise NotSent("timeout") from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise NotSent("recipient", error.recipients[0].code) from None
    except aiosmtplib.SMTPResponseException as error:
        raise NotSent("status", error.code) from None
    except (aiosmtplib.SMTPException, OSError):
        raise NotSent("connection") from None
    return _ACCEPTED


def _text_of(server: MailServer, message: Message, secret: str) -> _Text:
    match message.data:
        case CrossingData() as crossing:
            return _crossing_text(server, crossing)
        case Confirmation() as confirmation:
            return _confirmation_text(server, confirmation, secret)
        case other:
            raise TypeError(other)


def _crossing_text(server: MailServer, crossing: CrossingData) -> _Text:
    budget = f'"{crossing.name}" of {crossing.organization_id}'
    filter_ = "".join(f", {name} {value or '(none)'}" for name, value in crossing.filter.items())
    first, end = (
        read_instant(instant) // MICROSECONDS_PER_DAY for instant in (crossing.period.from_, crossing.period.to)
    )
    usage = f"{server.page_url}/organization/usage?{urlencode({'organization_id': crossing.organization_id})}"
    return _Text(
        f"{crossing.name}: {crossing.threshold} % of the budget reached",
        (f"The budget {budget} has reached {crossing.threshold} % of its limit.",),
        (
            ("Value", f"{crossing.value} of {crossing.limit} ({crossing.percent} %)"),
            ("Period", f"{format_day(first)} to {format_day(end - 1)} (UTC)"),
            ("Figure", f"{crossing.metric}{filter_}"),
        ),
        (usage, "Open the Usage page"),
    )


def _confirmation_text(server: MailServer, confirmation: Confirmation, secret: str) -> _Text:
    org_id, address = confirmation.organization_id, confirmation.address
    fragment = urlencode({"organization": org_id, "address": address, "secret": secret})
    return _Text(
        f"Confirm that {org_id} may send messages to you",
        (
            f"The organization {org_id} wants to send messages about its budgets to {address}.",
            "To agree, open the link within 7 days and confirm. If you did not expect this, ignore this e-mail.",
        ),
        (),
        (f"{server.page_url}/email/confirm#{fragment}", "Confirm this address"),
    )


def _plain(content: _Text) -> str:
    rows = "\n".join(f"{name + ':':8} {value}" for name, value in content.rows)
    return "\n\n".join(part for part in (*content.paragraphs, rows, content.link[0]) if part) + "\n"


def _html(content: _Text) -> str:
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in content.paragraphs)
    rows = "".join(
        f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in content.rows
    )
    url, text = content.link
    table = f'<table cellpadding="4">{rows}</table>' if rows else ""
    return f'<html><body>{paragraphs}{table}<p><a href="{escape(url)}">{escape(text)}</a></p></body></html>\n'
