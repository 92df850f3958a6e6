"""Pushes the lines of statements to Stripe: one invoice item for each line that is not 0, never two.

Before an item is created, its line is committed as pending, and the items of the customer are searched for the line's
hash. Stripe may forget an idempotency key after 24 hours; the metadata of an item stay.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from talkmeter import clock
from talkmeter.billing.money import minor_digits
from talkmeter.billing.plans import Plans, read_plans
from talkmeter.billing.push_store import StatementPush, read_customer, read_pushes, store_push
from talkmeter.billing.statement_export import charge_of, quantity_text
from talkmeter.billing.statement_store import Statement, StatementLine, read_statements
from talkmeter.billing.stripe_api import METADATA_HASH, InvoiceItem, Mode, StripeApi, StripeBusy, StripeRefused
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.db.engine import reading, writing
from talkmeter.db.lease import lease_end, release_lease, renew_lease, take_lease
from talkmeter.db.migrate import ledger_id
from talkmeter.errors import OperationFailed, Unavailable
from talkmeter.months import first_day, format_month
from talkmeter.period import format_instant

ATTEMPTS: Final = 4
LEASE: Final = "stripe"
LEASE_SEC: Final = 120
"""Longer than a request to Stripe takes, before which the lease is renewed."""
_OTHER_UNITS: Final = frozenset({"ISK", "MGA", "UGX"})
"""Currencies whose amounts Stripe takes in other units than ISO 4217 says."""
_MAX_DIGITS: Final = 2
_DAY_SEC: Final = 86_400
_backoff = wait_random_exponential(max=10)


class PushLine(NamedTuple):
    """A line of a statement that is not 0, and what was pushed."""

    statement: Statement
    line: StatementLine
    hash: str
    description: str
    push: StatementPush | None

    @property
    def state(self) -> str:
        """What will happen to the line, or has happened."""
        if self.push is None:
            return "to be created"
        return self.push.item_id or "pending: will be looked up, and created if it is not there"


class OrgPush(NamedTuple):
    """What a push did for an organization: items created, items found at Stripe, and why it stopped, if it did."""

    org_id: str
    customer: str | None
    created: int = 0
    found: int = 0
    problem: str | None = None


def push_lines(connection: Connection, plans: Plans, org_id: str, month: int, mode: Mode) -> list[PushLine]:
    """Return the lines of an organization's statements of a month that are not 0."""
    ledger, pushes = ledger_id(connection), read_pushes(connection, org_id, month, mode)
    found = []
    for statement in read_statements(connection, org_id, month, month):
        for line in statement.lines:
            if line.amount:
                push = pushes.get((statement.number, line.line))
                hash_ = line_hash(ledger, statement, line) if push is None else push.hash
                found.append(PushLine(statement, line, hash_, _describe(plans, statement, line), push))
    return found


def line_hash(ledger: str, statement: Statement, line: StatementLine) -> str:
    """Return what identifies a line at Stripe: a hash of ledger, organization, month, statement and line."""
    key = (ledger, statement.org_id, format_month(statement.month), statement.number, line.line)
    return sha256(msgspec.json.encode(key)).hexdigest()


def problem_of(lines: Iterable[PushLine], customer: str | None) -> str | None:
    """Return why lines cannot be pushed, as a sentence."""
    for currency in {line.statement.currency for line in lines}:
        digits = minor_digits(currency)
        if currency in _OTHER_UNITS or digits is None or digits > _MAX_DIGITS:
            return (
                f"Amounts in {currency} are not pushed, because Stripe's units of this currency differ from ISO 4217; "
                "create the invoice in Stripe yourself."
            )
    return "It has no Stripe customer; set it with 'talkmeter orgs stripe-customer'." if customer is None else None


def push_month(
    engine: Engine, api: StripeApi, mode: Mode, org_ids: Iterable[str], month: int, actor: Actor
) -> Iterator[OrgPush]:
    """Push the statements of organizations and yield what was done for each that had something to push.

    Raises OperationFailed if another push is running, Misconfigured if Stripe does not accept the key, Unavailable if
    Stripe stays unreachable. A push that was interrupted in any way can be repeated.
    """
    with reading(engine) as connection:
        plans = read_plans(connection)
    with _leased(engine) as holder:
        push = _Push(engine, api, mode, month, actor, plans, holder)
        retrying = Retrying(
            retry=retry_if_exception_type(StripeBusy), stop=stop_after_attempt(ATTEMPTS), wait=_backoff, reraise=True
        )
        for org_id in org_ids:
            try:
                done = retrying(push.push_organization, org_id, Counter())
            except StripeBusy as error:
                raise Unavailable(
                    f"{error.detail.rstrip('.')} {ATTEMPTS} times. Run the command again: it continues with {org_id}."
                ) from None
            if done is not None:
                yield done


class _Push:
    """A push of a month; it holds the lease."""

    def __init__(
        self, engine: Engine, api: StripeApi, mode: Mode, month: int, actor: Actor, plans: Plans, holder: str
    ) -> None:
        self._engine = engine
        self._api = api
        self._mode = mode
        self._month = month
        self._actor = actor
        self._plans = plans
        self._holder = holder

    def push_organization(self, org_id: str, done: Counter[str]) -> OrgPush | None:
        """Push what is missing of an organization; None if nothing is. `done` counts over several attempts."""
        with reading(self._engine) as connection:
            customer = read_customer(connection, org_id)
            lines = push_lines(connection, self._plans, org_id, self._month, self._mode)
        lines = [line for line in lines if line.push is None or line.push.item_id is None]
        if not lines:
            return OrgPush(org_id, customer, done["created"], done["found"]) if done else None
        problem = problem_of(lines, customer)
        if problem is not None or customer is None:
            return OrgPush(org_id, customer, problem=problem)
        try:
            existing = self._look_up(lines, customer)
            for line in lines:
                if line.hash in existing:
                    self._store(line, *existing[line.hash])
                    done["found"] += 1
                else:
                    self._begin(line, customer, announce=not done["begun"])
                    done["begun"] += 1
                    item_id = self._api.create_item(_item(line, customer), _idempotency_key(line, customer))
                    self._store(line, customer, item_id)
                    done["created"] += 1
        except StripeRefused as error:
            return OrgPush(org_id, customer, done["created"], done["found"], error.detail)
        return OrgPush(org_id, customer, done["created"], done["found"])

    def _look_up(self, lines: list[PushLine], customer: str) -> dict[str, tuple[str, str]]:
        """Return (customer, item) by hash: of the customer, and of an earlier one that a pending line was sent to.

        Lines that are not pending are looked up too: the database may have been restored from a backup.
        """
        found: dict[str, tuple[str, str]] = {}
        # Clocks may differ by a day.
        since = min(line.statement.created_at for line in lines) // 1_000_000 - _DAY_SEC
        for one in {customer, *(line.push.customer for line in lines if line.push is not None)}:
            self._renew()
            for page in self._api.find_items(one, since):
                found.update({hash_: (one, item_id) for hash_, item_id in page.items()})
                self._renew()
        return found

    def _renew(self) -> None:
        with writing(self._engine) as connection:
            self._require_lease(connection)

    def _require_lease(self, connection: Connection) -> None:
        if not renew_lease(connection, LEASE, self._holder, clock.now(), LEASE_SEC):
            raise OperationFailed("This push was stopped for too long, and another one has begun; it was ended.")

    def _begin(self, line: PushLine, customer: str, *, announce: bool) -> None:
        """Commit that an item is pending. Raises OperationFailed if another push has begun."""
        now = clock.now()
        with writing(self._engine) as connection:
            self._require_lease(connection)
            store_push(connection, self._row(line, customer, None, now))
            if announce:
                statement = line.statement
                detail = f"push to {customer}, {self._mode} mode of Stripe"
                record_audit(
                    connection,
                    self._actor,
                    Action.STATEMENT_PUSH,
                    format_month(self._month),
                    now,
                    org_id=statement.org_id,
                    detail=detail,
                )

    def _store(self, line: PushLine, customer: str, item_id: str) -> None:
        with writing(self._engine) as connection:
            store_push(connection, self._row(line, customer, item_id, clock.now()))

    def _row(self, line: PushLine, customer: str, item_id: str | None, now: int) -> StatementPush:
        statement = line.statement
        key = (statement.org_id, statement.month, statement.number, line.line.line, self._mode)
        return StatementPush(*key, customer, line.hash, item_id, now)


@contextmanager
def _leased(engine: Engine) -> Iterator[str]:
    """Hold the lease, and yield its holder. Raises OperationFailed if another push has it."""
    holder = secrets.token_hex(8)
    with writing(engine) as connection:
        taken = take_lease(connection, LEASE, holder, clock.now(), LEASE_SEC)
        end = lease_end(connection, LEASE)
    if not taken:
        raise OperationFailed(
            "Another push to Stripe is running. If it was killed, its place is free again at "
            f"{format_instant(end)}; then run the command again."
        )
    try:
        yield holder
    finally:
        with writing(engine) as connection:
            release_lease(connection, LEASE, holder)


def _item(line: PushLine, customer: str) -> InvoiceItem:
    statement = line.statement
    start, end = first_day(statement.month) * _DAY_SEC, first_day(statement.month + 1) * _DAY_SEC - 1
    metadata = {
        METADATA_HASH: line.hash,
        "talkmeter_statement": statement.id,
        "talkmeter_charge": line.line.line,
    }
    return InvoiceItem(customer, line.line.amount, statement.currency, line.description, start, end, metadata)


def _idempotency_key(line: PushLine, customer: str) -> str:
    """Return the same key for each attempt; with another customer it is another request."""
    return f"talkmeter-{sha256(f'{line.hash} {customer}'.encode()).hexdigest()}"


def _describe(plans: Plans, statement: Statement, line: StatementLine) -> str:
    charge, month = charge_of(plans, statement, line), format_month(statement.month)
    name = f"{line.name}, {month}" + (f" (adjustment {statement.number})" if statement.number else "")
    if charge is None:
        return name
    return f"{name}: {quantity_text(charge, line.base_quantity, statement.month)} {charge.priced.unit}s"
