"""Plans for the laws of costs, and the expected costs: billing in a few lines, in fractions.

The expected costs use nothing of talkmeter: neither its quantities nor its arithmetic.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import NamedTuple

from hypothesis import strategies as st

from tests.laws.model import DAY, Json, Model
from tests.laws.strategies import DAYS, FIRST_DAY

CURRENCIES = {"USD": 2, "JPY": 0, "KWD": 3}
BYS = ("charge", "agent", "number", "widget", "channel", "direction", "workflow")
FEBRUARY, MARCH = "2024-02", "2024-03"
FIRST_DAYS = {FEBRUARY: FIRST_DAY - 27, MARCH: FIRST_DAY + 2}
"""The generated days are 28 and 29 February and 1 March."""
LENGTHS = {FEBRUARY: 29, MARCH: 31}
FIELDS = {
    "agent": "agent_id",
    "number": "agent_number",
    "widget": "web_widget_id",
    "channel": "channel",
    "direction": "direction",
    "status": "status",
    "workflow": "workflow_id",
}
METERS: dict[str, Callable[[Json], int]] = {
    "voice_minutes": lambda call: (call["duration"] or 0) * (call["modality"] == "voice"),
    "chat_minutes": lambda call: (call["duration"] or 0) * (call["modality"] == "chat"),
    "calls": lambda _: 1,
    "voice_calls": lambda call: call["modality"] == "voice",
    "chat_sessions": lambda call: call["modality"] == "chat",
    "inbound_calls": lambda call: call["direction"] == "inbound",
    "outbound_calls": lambda call: call["direction"] == "outbound",
    "workflow_runs": lambda _: 1,
    "workflow_runs_success": lambda run: run["status"] == "success",
}
"""The base units of one record: milliseconds, or 1."""

PER_CALL = ("exact", "1/1", "6/6", "30/6", "60/60")


def base_units(charge: Json, record: Json) -> int:
    """Return the base units of a record that a charge prices: billed milliseconds, or those of its meter."""
    rule = charge.get("per_call", "exact")
    if rule == "exact":
        return METERS[charge["meter"]](record)
    least, step = (1_000 * int(part) for part in rule.split("/"))
    duration = (record["duration"] or 0) * (record["modality"] == "voice")
    return duration and least + max(0, ceil(Fraction(duration - least, step))) * step


_prices = st.sampled_from(("0", "0.004", "0.05", "0.12", "1", "2.5", "33.333333333333", "0.000000000001"))
_ends = st.lists(st.sampled_from(("0", "0.5", "1", "2", "3.25", "10")), unique=True, max_size=3)
_REFERENCES = ("", "a", "b", "u")
_WHERE = {
    "agent": _REFERENCES,
    "number": _REFERENCES,
    "widget": _REFERENCES,
    "channel": ("telephone", "webrtc", "text", "email"),
    "direction": ("inbound", "outbound"),
    "status": ("completed", "ringing", "failed"),
    "workflow": _REFERENCES,
}


@st.composite
def _charges(draw: st.DrawFn, number: int) -> Json:
    meter = draw(st.sampled_from(tuple(METERS)))
    charge: Json = {"id": f"line-{number}", "name": f"Line {number}", "meter": meter}
    dimensions = [name for name in _WHERE if (name == "workflow") == meter.startswith("workflow")]
    if meter == "voice_minutes":
        charge["per_call"] = draw(st.sampled_from(PER_CALL))
    if draw(st.booleans()):
        dimension = draw(st.sampled_from(dimensions))
        charge["where"] = {dimension: draw(st.sampled_from(_WHERE[dimension]))}
    match draw(st.sampled_from(("price", "package", "tiers", "tiers"))):
        case "tiers":
            ends = sorted(draw(_ends), key=Fraction)
            charge["tiers"] = [
                *({"up_to": end, "price": draw(_prices)} for end in ends if end != "0"),
                {"price": draw(_prices)},
            ]
            charge["mode"] = draw(st.sampled_from(("graduated", "volume")))
        case "package":
            charge |= {"package": draw(st.sampled_from(("0.3", "1", "2"))), "price": draw(_prices)}
            charge["included"] = draw(st.sampled_from(("0", "1.5")))
        case _:
            charge |= {"price": draw(_prices), "included": draw(st.sampled_from(("0", "0.5", "2")))}
    return charge


@st.composite
def plans(draw: st.DrawFn, currency: str, effective: str) -> Json:
    """Generate a plan version with up to four charges of calls and runs."""
    amounts = {name: draw(st.sampled_from(("0", "3", "50"))) for name in ("fee", "minimum")}
    charges = [draw(_charges(number)) for number in range(draw(st.integers(0, 4)))]
    return {"name": "Plan", "currency": currency, "effective": effective, **amounts, "charges": charges}


class Pricing(NamedTuple):
    """The plan of each month; a month that is missing has none."""

    currency: str
    plans: dict[str, Json]


@st.composite
def pricings(draw: st.DrawFn) -> Pricing:
    """Generate a plan for February, for March, or two for both."""
    currency = draw(st.sampled_from(tuple(CURRENCIES)))
    months = draw(st.sampled_from(((FEBRUARY,), (MARCH,), (FEBRUARY, MARCH), (FEBRUARY, MARCH))))
    return Pricing(currency, {month: draw(plans(currency, month)) for month in months})


windows_of_days = st.tuples(
    st.integers(FIRST_DAY - 30, FIRST_DAY + DAYS), st.integers(1, 36) | st.sampled_from((1, 2, 29))
).map(lambda window: (window[0], window[0] + window[1]))
"""Windows of days [first, end) in January to April 2024."""


def round_half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


def printed(exact: Iterable[Fraction]) -> list[int]:
    """Return the printed amounts of a list: each running sum is rounded."""
    return [after - before for before, after in pairwise([0, *map(round_half_up, accumulate(exact))])]


def parts_of(charge: Json, units: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Return the (units, amount) of each price of a charge, in order."""
    included = Fraction(charge.get("included", "0"))
    beyond = max(Fraction(0), units - included)
    if "package" in charge:
        return [(beyond, ceil(beyond / Fraction(charge["package"])) * Fraction(charge["price"]))]
    if "price" in charge:
        return [(beyond, beyond * Fraction(charge["price"]))]
    parts, lower = [], Fraction(0)
    for tier in charge["tiers"]:
        upper = Fraction(tier.get("up_to", 10**30))
        price = Fraction(tier["price"])
        if charge["mode"] == "volume" and units <= upper:
            return [(units, units * price)]
        if charge["mode"] == "graduated" and (units > lower or lower == 0):
            part = min(units, upper) - lower
            parts.append((part, part * price))
        lower = upper
    return parts


class Expected:
    """The expected costs of one organization, in minor units."""

    def __init__(self, model: Model, pricing: Pricing, today: int) -> None:
        self.model, self.pricing, self.today = model, pricing, today
        self.scale = 10 ** CURRENCIES[pricing.currency]

    def records(self, charge: Json, first: int, end: int) -> list[Json]:
        """Return the records that a charge prices on the days [first, end)."""
        bounds = first * DAY, min(end, self.today + 1) * DAY
        runs = charge["meter"].startswith("workflow")
        records = self.model.runs(*bounds) if runs else self.model.calls(*bounds)
        for dimension, value in charge.get("where", {}).items():
            records = [record for record in records if (record[FIELDS[dimension]] or "") == value]
        return records

    def quantity(self, charge: Json, first: int, end: int) -> int:
        """Return the base units of a charge on the days [first, end)."""
        return sum(base_units(charge, record) for record in self.records(charge, first, end))

    def units(self, charge: Json, first: int, end: int) -> Fraction:
        """Return the units of a charge on the days [first, end)."""
        base = 60_000 if charge["meter"].endswith("minutes") else 1
        return Fraction(self.quantity(charge, first, end), base)

    def tier_amounts(self, charge: Json, first: int, end: int) -> list[int]:
        """Return the printed amount of each tier."""
        return printed(amount * self.scale for _, amount in parts_of(charge, self.units(charge, first, end)))

    def so_far(self, month: str, end: int) -> dict[str, int]:
        """Return the printed lines of a month through the day before `end`."""
        first, plan = FIRST_DAYS[month], self.pricing.plans[month]
        if end <= first or self.today < first:
            return dict.fromkeys(("fee", *(charge["id"] for charge in plan["charges"]), "minimum"), 0)
        lines = {charge["id"]: sum(self.tier_amounts(charge, first, end)) for charge in plan["charges"]}
        is_over = min(end, self.today + 1) >= first + LENGTHS[month]
        missing = int(plan["minimum"]) * self.scale - sum(lines.values())
        return {"fee": int(plan["fee"]) * self.scale, **lines, "minimum": max(0, missing) if is_over else 0}

    def lines(self, month: str, first: int, end: int) -> dict[str, int]:
        """Return what each line costs on the days [first, end) of a month."""
        before, after = self.so_far(month, first), self.so_far(month, end)
        return {line: after[line] - before[line] for line in after}

    def rows(self, first: int, end: int, by: str) -> tuple[Counter[str], Counter[str]]:
        """Return the amounts by value and those that are not split, by line."""
        values: defaultdict[str, int] = defaultdict(int)
        unallocated: Counter[str] = Counter()
        for month, start, stop in months_of(first, end):
            if month not in self.pricing.plans:
                continue
            lines = self.lines(month, start, stop)
            for charge in self.pricing.plans[month]["charges"]:
                amount = lines.pop(charge["id"])
                if by == "charge":
                    values[charge["id"]] += amount
                elif (by == "workflow") != charge["meter"].startswith("workflow"):
                    unallocated[charge["id"]] += amount
                else:
                    weights: Counter[str] = Counter()
                    for record in self.records(charge, start, stop):
                        weights[record[FIELDS[by]] or ""] += base_units(charge, record)
                    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
                    total = sum(weights.values())
                    exact = [Fraction(amount * weight, total) for _, weight in ranked if weight]
                    for (value, _), part in zip(ranked, printed(exact), strict=False):
                        values[value] += part
            unallocated.update(lines)
        return Counter(values), unallocated


def months_of(first: int, end: int) -> list[tuple[str, int, int]]:
    """Return the parts of the days [first, end) that are in February and March."""
    parts = [(month, max(first, start), min(end, start + LENGTHS[month])) for month, start in FIRST_DAYS.items()]
    return [part for part in parts if part[1] < part[2]]
