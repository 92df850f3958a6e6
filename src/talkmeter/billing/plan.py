"""The nouns of pricing: plan versions, their charges and tiers, and the meters that charges price."""

import re
from fractions import Fraction
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from talkmeter.billing.money import currency_digits, read_amount
from talkmeter.counting import Dimension
from talkmeter.records import Kind

DecimalText = Annotated[str, Meta(description="A decimal number.", examples=["0.12"])]
AmountText = Annotated[str, Meta(description="An amount, with the currency's digits.", examples=["12.34"])]
MonthText = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}$", description="A month (UTC).", examples=["2026-11"])]

PerCall = Literal["exact", "1/1", "6/6", "30/6", "60/60"]
"""How a call's duration is billed: exactly, or at least A seconds and then in steps of B seconds."""
Mode = Literal["graduated", "volume"]
Unit = Literal["minute", "call", "session", "run", "item"]

MILLISECONDS_PER_MINUTE: Final = 60_000
FEE: Final = "fee"
MINIMUM: Final = "minimum"
FEE_NAME: Final = "Monthly fee"
MINIMUM_NAME: Final = "Minimum charge"
RESERVED_IDS: Final = (FEE, MINIMUM)
ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
MAX_CHARGES: Final = 200
MAX_TIERS: Final = 50
MAX_NAME: Final = 200


class Meter(NamedTuple):
    """A quantity that charges can price."""

    unit: Unit
    base_per_unit: int | None
    """Base units in one unit; None: the base unit is an item-day, and a month of them is one unit."""
    counter: str | None
    """The counter of daily totals; None: item-days."""
    dimensions: tuple[Dimension, ...] = ()
    """What `where` may name."""
    items: Kind | None = None
    shared_only: bool = False


_OF_CALLS: Final[tuple[Dimension, ...]] = ("direction", "channel", "agent", "number", "widget", "status")
_OF_RUNS: Final[tuple[Dimension, ...]] = ("workflow",)
METERS: Final[dict[str, Meter]] = {
    "voice_minutes": Meter("minute", MILLISECONDS_PER_MINUTE, "voice_ms", _OF_CALLS),
    "chat_minutes": Meter("minute", MILLISECONDS_PER_MINUTE, "chat_ms", _OF_CALLS),
    "calls": Meter("call", 1, "calls", _OF_CALLS),
    "voice_calls": Meter("call", 1, "voice_calls", _OF_CALLS),
    "chat_sessions": Meter("session", 1, "chat_calls", _OF_CALLS),
    "inbound_calls": Meter("call", 1, "inbound_calls", _OF_CALLS),
    "outbound_calls": Meter("call", 1, "outbound_calls", _OF_CALLS),
    "workflow_runs": Meter("run", 1, "runs", _OF_RUNS),
    "workflow_runs_success": Meter("run", 1, "runs_success", _OF_RUNS),
    "agents": Meter("item", None, None, items=Kind.AGENT),
    "phone_numbers": Meter("item", None, None, items=Kind.PHONE_NUMBER),
    "shared_phone_numbers": Meter("item", None, None, items=Kind.PHONE_NUMBER, shared_only=True),
    "web_widgets": Meter("item", None, None, items=Kind.WEB_WIDGET),
    "knowledge_bases": Meter("item", None, None, items=Kind.DATASET),
}
EXACT: Final = "exact"


def billed_counter(per_call: PerCall) -> str | None:
    """Return the counter of billed seconds of a rule; None: durations are billed exactly."""
    return None if per_call == EXACT else f"billed_{per_call.replace('/', '_')}_sec"


class Tier(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The price of the units up to `up_to`, inclusive; the last tier has no end."""

    price: DecimalText
    up_to: DecimalText | None = None


class Charge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A priced line of a plan: exactly one of `price`, `package` and `price`, or `tiers`."""

    id: str
    name: str
    meter: str
    where: dict[Dimension, str] | None = None
    per_call: PerCall = EXACT
    included: DecimalText = "0"
    price: DecimalText | None = None
    package: DecimalText | None = None
    tiers: tuple[Tier, ...] = ()
    mode: Mode = "graduated"

    @property
    def priced(self) -> Meter:
        """The meter."""
        return METERS[self.meter]

    @property
    def condition(self) -> tuple[Dimension, str] | None:
        """The dimension and value of `where`."""
        return next(iter(self.where.items())) if self.where else None

    def units_per_base(self, days_in_month: int) -> Fraction:
        """Return how many units one base unit is."""
        return Fraction(1, self.priced.base_per_unit or days_in_month)


class PlanContent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The content of a plan version. `effective` is its first month; `fee` and `minimum` are amounts of a month."""

    name: str
    currency: str
    effective: MonthText
    fee: AmountText = "0"
    minimum: AmountText = "0"
    charges: tuple[Charge, ...] = ()

    @property
    def digits(self) -> int:
        """The currency's digits after the point. Raises Misconfigured if the currency has left ISO 4217 since."""
        return currency_digits(self.currency)

    @property
    def fee_minor(self) -> int:
        """The fee of a month in minor units."""
        return read_amount(self.fee, self.digits)

    @property
    def minimum_minor(self) -> int:
        """The least sum of the charges of a month, in minor units."""
        return read_amount(self.minimum, self.digits)
