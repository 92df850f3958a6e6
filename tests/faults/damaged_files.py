"""A ledger of several organizations in a file, and random damages of its bytes."""

import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from talkmeter.accounts.connectors import add_connector
from talkmeter.accounts.credentials import CredentialKind, issue
from talkmeter.db.engine import Connection, open_engine, writing
from talkmeter.db.migrate import migrate
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.receipt import make_receipt
from talkmeter.ingest.requests import BATCH, group_by_organization, read_request
from talkmeter.ledger.batch import AGENT, CallReport, OrgBatch, Side
from talkmeter.ledger.organizations import add_organization
from talkmeter.ledger.writer import Writer
from talkmeter.records import Conversation, Kind, State, data_hash
from tests.events import Json, conversation, event, run
from tests.laws.ledgers import MAX_EVENTS

ORGS: Final = ("acme", "bolt", "corp")
CALLS: Final = 200
"""Conversations of each organization; each has two states."""
PAGE: Final = 4_096
WINDOW: Final = {"from": "2026-03-01", "to": "2026-03-11"}
_SECRET_HASH: Final = b"encrypted, but nobody decrypts it here"


def fill(path: Path) -> dict[str, str]:
    """Create a ledger with records, history, links, inventory, quarantine, keys and connectors.

    Returns an admin key of each organization, and under "" a sender key.
    """
    rng = random.Random(7)
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with writing(engine) as connection:
        for org_id in ORGS:
            add_organization(connection, org_id, org_id.title(), 1)
            for provider in ("vapi", "twilio"):
                add_connector(connection, org_id, provider, _SECRET_HASH, 1)
        keys = {org_id: _key(connection, CredentialKind.ORGANIZATION, org_id, "admin") for org_id in ORGS}
        keys[""] = _key(connection, CredentialKind.SENDER, None, None)
    writer = Writer(engine, keep_history=True)
    for org_id in ORGS:
        for begin in range(0, CALLS, 100):
            events = [one for number in range(begin, begin + 100) for one in _events(rng, org_id, number)]
            batches = group_by_organization(
                read_request({"content-type": BATCH}, msgspec.json.encode(events), Sender("key", org_id), MAX_EVENTS),
                Sender("key", org_id),
            )
            make_receipt(future.result() for future in writer.submit(batches))
        reports = [report for number in range(40) for report in _reports(org_id, number)]
        make_receipt(future.result() for future in writer.submit([OrgBatch(org_id, "hook", list(enumerate(reports)))]))
    writer.close()
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return keys


def _key(connection: Connection, kind: CredentialKind, org_id: str | None, role: str | None) -> str:
    scopes = ("events:write",) if role is None else ()
    key = issue(connection, kind, org_id=org_id, name=None, role=role, scopes=scopes, grants={}, now=1, expires_at=None)
    return f"ak_{key.credential.id}.{key.secret}"


def _events(rng: random.Random, org_id: str, number: int) -> list[Json]:
    day = 1 + number * 10 // CALLS
    minute = f"2026-03-{day:02}T{rng.randrange(24):02}:{rng.randrange(60):02}"
    id_ = f"{org_id}-{rng.getrandbits(64):016x}"
    call = {"created_at": f"{minute}:00Z", "agent_id": f"agent-{rng.randrange(5)}"}
    ended = conversation(id_, duration=rng.randrange(600_000) / 1000, **call) | {"time": f"{minute}:59Z"}
    rang = conversation(id_, status="ringing", duration=None, **call) | {"time": f"{minute}:01Z"}
    more: list[Json] = []
    if number % 4 == 0:
        more.append(run(f"run-{number}", created_at=f"{minute}:30Z", workflow_id=f"flow-{rng.randrange(3)}"))
    if number % 20 == 0:
        more.append(event("agent.updated", {"id": f"agent-{number // 20}", "name": f"Agent {number // 20}"}))
        more.append(event("conversation.updated", {"id": id_, "channel": f"carrier pigeon {number}"}))
    return [rang, ended, *more]


def _reports(org_id: str, number: int) -> list[CallReport]:
    """Return the reports of one call by an agent provider and a carrier."""
    created_at = 1_772_366_340_000_000 + number * 60_000_000

    def report(id_: str, side: Side, *linked: str) -> CallReport:
        record = Conversation("telephone", "inbound", "completed", created_at, 60_000 + number, "voice")
        state = State(
            org_id, Kind.CONVERSATION, id_, record, created_at + 90_000_000, 0, "/hooks", id_, data_hash(record)
        )
        return CallReport(state, side, linked)

    return [
        report(f"vapi:{number}", AGENT, f"twilio:CA{number}"),
        report(f"twilio:CA{number}", "carrier"),
    ]


class Damage(NamedTuple):
    """What was done to a file, as a text."""

    kind: str
    where: str


def damage_file(rng: random.Random, path: Path) -> Damage:
    """Damage a file at random: its bytes, or one stored value."""
    return damage_value(rng, path) if rng.randrange(4) == 0 else damage_bytes(rng, path)


def damage_value(rng: random.Random, path: Path) -> Damage:
    """Give a column of a row another value."""
    with closing(sqlite3.connect(path)) as connection, connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        filled = [name for name in names if connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()]
        table = rng.choice(filled)
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        key = [column[1] for column in columns if column[5]]
        rows = connection.execute(f"SELECT {', '.join(key)} FROM {table}").fetchall()
        column = rng.choice(columns)[1]
        value = rng.choice(("'x'", "x'00ff'", "NULL", "-1", "7", "9223372036854775807", "1.5", "CAST(x'e12d' AS TEXT)"))
        where = " AND ".join(f"{name} = ?" for name in key)
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}", rng.choice(rows))
    return Damage("damaged value", f"{table}.{column} = {value}")


def damage_bytes(rng: random.Random, path: Path) -> Damage:
    """Flip bits, zero a page, cut the end, or write noise or another page over a page."""
    content = bytearray(path.read_bytes())
    page = rng.randrange(len(content) // PAGE)
    begin = page * PAGE
    match rng.randrange(10):
        case 0 | 1 | 2 | 3:
            bits = [rng.randrange(8 * len(content)) for _ in range(rng.choice((1, 1, 1, 8)))]
            places = [f"page {bit // 8 // PAGE + 1} byte {bit // 8 % PAGE}" for bit in bits]
            for bit in bits:
                content[bit // 8] ^= 1 << bit % 8
            done = Damage("flipped bits", ", ".join(places))
        case 4 | 5:
            content[begin : begin + PAGE] = bytes(PAGE)
            done = Damage("zeroed page", f"page {page + 1}")
        case 6:
            content[begin : begin + PAGE] = rng.randbytes(PAGE)
            done = Damage("noise in a page", f"page {page + 1}")
        case 7:
            other = rng.randrange(len(content) // PAGE) * PAGE
            content[begin : begin + PAGE] = content[other : other + PAGE]
            done = Damage("copied page", f"page {other // PAGE + 1} over page {page + 1}")
        case 8:
            # Headers of pages decide how everything else is read.
            at = begin + (100 if page == 0 else 0) + rng.randrange(12)
            content[at] ^= 1 << rng.randrange(8)
            done = Damage("flipped bit in a page's header", f"page {page + 1} byte {at % PAGE}")
        case _:
            del content[rng.randrange(PAGE, len(content)) :]
            done = Damage("cut file", f"{len(content)} bytes")
    path.write_bytes(content)
    return done
