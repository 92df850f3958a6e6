"""The nouns of budgets, and how a budget is read from JSON. An error says which field is wrong and what is allowed."""

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from talkmeter.billing.money import is_decimal, read_decimal
from talkmeter.billing.plan import ID as CHARGE_ID
from talkmeter.billing.plan import MAX_NAME
from talkmeter.budgets.periods import PeriodName
from talkmeter.errors import Unprocessable, quoted
from talkmeter.ingest.fields import CONTROL, MAX_ID_BYTES
from talkmeter.notify.recipients import read_address
from talkmeter.notify.webhooks import check_webhook_id
from talkmeter.records import Kind
from talkmeter.usage.dimensions import SPLITS
from talkmeter.usage.filtered import VALUE_FILTERS, ValueFilter
from talkmeter.usage.parameters import VALUES

FilterName = Literal["agent", "number", "widget", "channel", "workflow"]
COUNTED: Final[dict[str, str]] = {
    "total_calls": "calls",
    "voice_calls": "voice_calls",
    "chat_calls": "chat_calls",
    "inbound_calls": "inbound_calls",
    "outbound_calls": "outbound_calls",
    "voice_minutes": "voice_ms",
    "chat_minutes": "chat_ms",
    "workflow_runs_total": "runs",
    "workflow_runs_success": "runs_success",
    "workflow_runs_failed": "runs_failed",
}
"""The metrics that are figures of the summary, and their counters."""
COST: Final = "cost"
SILENCE: Final = "silence"
CHARGE: Final = "charge:"
INCLUDED: Final = "included"
METRICS: Final = (*COUNTED, COST, f"{CHARGE}ID", SILENCE)
THRESHOLDS: Final = [50, 80, 100]
MAX_THRESHOLDS: Final = 10
MAX_THRESHOLD: Final = 1_000
MAX_SILENT_HOURS: Final = 168
MAX_RECEIVERS: Final = 10
_RUNS: Final = "workflow_runs_"
_ID: Final = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)

Threshold = Annotated[int, Meta(ge=1, le=MAX_THRESHOLD, description="Percent of the limit.")]


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget. `limit` is in the metric's unit: calls, minutes, runs, the currency, units of a charge, or hours."""

    name: str
    metric: Annotated[str, Meta(description=f"One of {', '.join(METRICS)}.")]
    filter: Annotated[
        Annotated[dict[FilterName, str], Meta(max_length=1)] | None,
        Meta(description="Only usage with this value; empty: without one. At most one key."),
    ] = None
    period: PeriodName
    limit: Annotated[str, Meta(description='A decimal number, or "included": what the plan includes of the charge.')]
    thresholds: Annotated[list[Threshold], Meta(min_length=1, max_length=MAX_THRESHOLDS)] = msgspec.field(
        default_factory=lambda: list(THRESHOLDS)
    )
    webhooks: Annotated[list[str], Meta(max_length=MAX_RECEIVERS, description="The ids of webhooks.")] = []
    emails: Annotated[list[str], Meta(max_length=MAX_RECEIVERS, description="E-mail addresses.")] = []
    enabled: bool = True

    @property
    def charge(self) -> str | None:
        """The id of the charge whose quantity is limited."""
        return self.metric.removeprefix(CHARGE) if self.metric.startswith(CHARGE) else None

    @property
    def value_filter(self) -> ValueFilter | None:
        """The filter."""
        return next((ValueFilter(by, value) for by, value in (self.filter or {}).items()), None)

    @property
    def kind(self) -> Kind:
        """The kind of the records whose figure is limited."""
        return Kind.WORKFLOW_EXECUTION if self.metric.startswith(_RUNS) else Kind.CONVERSATION


class BudgetBody(Budget, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request; `id` may be left out, because the URL has it."""

    id: str | None = None


def read_budget(budget_id: str, content: object) -> Budget:
    """Return the budget in a decoded JSON body. Raises Unprocessable if it is not one."""
    if _ID.fullmatch(budget_id) is None:
        raise Unprocessable(f"The id of a budget must be 1 to 64 of a-z, 0-9 and -, not {quoted(budget_id)}.")
    try:
        body = msgspec.convert(content, BudgetBody)
    except msgspec.ValidationError as error:
        raise Unprocessable(f"The budget is not valid: {error}.") from None
    if body.id not in (None, budget_id):
        raise Unprocessable(f"'id' is {quoted(body.id or '')}, but the URL names the budget {quoted(budget_id)}.")
    is_silence = body.metric == SILENCE
    thresholds = [100] if is_silence and body.thresholds == THRESHOLDS else sorted(set(body.thresholds))
    fields = {name: getattr(body, name) for name in Budget.__struct_fields__}
    budget = Budget(**fields | {"thresholds": thresholds, "filter": body.filter or None, "emails": _read_emails(body)})
    check_budget(budget)
    return budget


def check_budget(budget: Budget) -> None:
    """Raise Unprocessable if the fields of a budget do not fit together."""
    _check_texts(budget)
    _check_metric(budget)
    _check_filter(budget)
    _check_limit(budget)


def _read_emails(body: BudgetBody) -> list[str]:
    return list(dict.fromkeys(read_address(address) for address in body.emails))


def _check_texts(budget: Budget) -> None:
    if not budget.name.strip() or len(budget.name) > MAX_NAME or CONTROL.search(budget.name):
        raise Unprocessable(f"'name' must be a text of 1 to {MAX_NAME} characters without control characters.")
    for webhook in budget.webhooks:
        check_webhook_id(webhook)


def _check_metric(budget: Budget) -> None:
    charge = budget.charge
    if budget.metric in (*COUNTED, COST, SILENCE) or (charge is not None and CHARGE_ID.fullmatch(charge)):
        return
    raise Unprocessable(f"'metric' must be one of {', '.join(METRICS)}, not {quoted(budget.metric)}.")


def _check_filter(budget: Budget) -> None:
    filter_ = budget.value_filter
    if filter_ is None:
        return
    if budget.metric not in COUNTED:
        raise Unprocessable(f"'{budget.metric}' cannot have a filter: only figures of calls and runs can.")
    if SPLITS[filter_.by].kind is not budget.kind:
        allowed = [by for by in VALUE_FILTERS if SPLITS[by].kind is budget.kind]
        raise Unprocessable(f"'{budget.metric}' can be filtered by {', '.join(allowed)}, not by {filter_.by}.")
    choices = VALUES.get(filter_.by, ())
    if choices and filter_.value not in choices:
        raise Unprocessable(f"'{filter_.by}' must be one of {', '.join(choices)}, not {quoted(filter_.value)}.")
    if len(filter_.value.encode()) > MAX_ID_BYTES or CONTROL.search(filter_.value):
        raise Unprocessable(f"'{filter_.by}' must be a text of at most {MAX_ID_BYTES} bytes.")


def _check_limit(budget: Budget) -> None:
    if budget.limit == INCLUDED:
        if budget.charge is None or budget.period != "month":
            raise Unprocessable("The limit 'included' needs a metric 'charge:ID' and the period 'month'.")
        return
    if not is_decimal(budget.limit) or not read_decimal(budget.limit):
        expected = 'a decimal number in quotes, more than 0, such as "12000"'
        raise Unprocessable(f"'limit' must be {expected}, not {quoted(budget.limit)}.")
    if budget.metric != SILENCE:
        return
    hours = read_decimal(budget.limit)
    if hours.denominator != 1 or hours > MAX_SILENT_HOURS:
        raise Unprocessable(f"'limit' of silence must be a whole number of hours, 1 to {MAX_SILENT_HOURS}.")
    if budget.thresholds != [100]:
        raise Unprocessable("'thresholds' of silence must be [100], or left out.")
