"""Reads a plan version from decoded TOML or JSON. Every error says which field is wrong and what is allowed."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final, TypeVar, get_args

from talkmeter.billing.money import is_decimal, minor_digits, read_decimal
from talkmeter.billing.plan import (
    EXACT,
    ID,
    MAX_CHARGES,
    MAX_NAME,
    MAX_TIERS,
    METERS,
    RESERVED_IDS,
    Charge,
    Mode,
    PerCall,
    PlanContent,
    Tier,
)
from talkmeter.counting import Dimension
from talkmeter.errors import MAX_QUOTED, Unprocessable, quoted
from talkmeter.ingest.fields import CONTROL, MAX_ID_BYTES
from talkmeter.months import is_month
from talkmeter.records import Kind, closed_sets

Path = tuple[str | int, ...]
Choice = TypeVar("Choice", bound=str)
_DECIMAL: Final = (
    'a decimal number in quotes, 0 or more, with up to 12 digits on each side of the point, such as "0.12"'
)
_PRICES: Final = "exactly one of price, package with price, or tiers"
_PLAN_FIELDS: Final = ("name", "currency", "effective", "fee", "minimum", "charges")
_CHARGE_FIELDS: Final = Charge.__struct_fields__
_TIER_FIELDS: Final = ("up_to", "price")


class PlanError(Unprocessable):
    """A plan is not valid. `path` is the place in the plan, `sentence` what is wrong there."""

    def __init__(self, path: Path, sentence: str) -> None:
        """Keep both; `detail` is the sentence after the path."""
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
        super().__init__(f"{place}: {sentence}" if place else sentence)
        self.path = path
        self.sentence = sentence


class _Fields:
    """The fields of one table of a plan."""

    def __init__(self, value: object, path: Path, allowed: Sequence[str]) -> None:
        if not isinstance(value, Mapping):
            raise PlanError(path, f"This must be a table with {', '.join(allowed)}.")
        self._values: Mapping[str, object] = value
        self.path = path
        for name in value:
            if name not in allowed:
                near = get_close_matches(str(name), allowed, 1)
                meant = f" Did you mean '{near[0]}'?" if near else ""
                raise PlanError(
                    (*path, name), f"Unknown field {quoted(str(name))}.{meant} Allowed: {', '.join(allowed)}."
                )

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def error(self, name: str, sentence: str) -> PlanError:
        return PlanError((*self.path, name) if name in self._values else self.path, sentence)

    def text(self, name: str, allowed: str) -> str:
        """Return a required text; `allowed` says what it must be."""
        if name not in self._values:
            raise self.error(name, f"'{name}' is missing: it must be {allowed}.")
        value = self._values[name]
        if not isinstance(value, str):
            raise self.error(name, f"'{name}' must be {allowed}, not {shown(value)}.")
        return value

    def label(self, name: str) -> str:
        allowed = f"a text of 1 to {MAX_NAME} characters"
        text = self.text(name, allowed)
        if not text.strip() or len(text) > MAX_NAME or CONTROL.search(text):
            raise self.error(name, f"'{name}' must be {allowed} without control characters, not {quoted(text)}.")
        return text

    def decimal(self, name: str, default: str | None = None) -> str:
        if name not in self._values and default is not None:
            return default
        text = self.text(name, _DECIMAL)
        if not is_decimal(text):
            raise self.error(name, f"'{name}' must be {_DECIMAL}, not {quoted(text)}.")
        return text

    def amount(self, name: str, currency: str, digits: int) -> str:
        text = self.decimal(name, "0")
        if (read_decimal(text) * 10**digits).denominator != 1:
            places = f"at most {digits} digits after the point" if digits else "no digits after the point"
            raise self.error(name, f"'{name}' must be a whole amount of {currency}, with {places}, not {quoted(text)}.")
        return text

    def choice(self, name: str, allowed: Sequence[Choice], default: Choice | None = None) -> Choice:
        if name not in self._values and default is not None:
            return default
        text = self.text(name, f"one of {', '.join(allowed)}")
        for choice in allowed:
            if text == choice:
                return choice
        near = get_close_matches(text, allowed, 1)
        meant = f" (did you mean '{near[0]}'?)" if near else ""
        raise self.error(name, f"'{name}' must be one of {', '.join(allowed)}, not {quoted(text)}{meant}.")

    def tables(self, name: str, maximum: int) -> Sequence[object]:
        value = self._values.get(name, ())
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > maximum:
            raise self.error(name, f"'{name}' must be a list of at most {maximum} tables.")
        return value

    def mapping(self, name: str) -> Mapping[str, object]:
        value = self._values[name]
        if not isinstance(value, Mapping) or len(value) != 1:
            raise self.error(name, f"'{name}' must have exactly one key, such as {{ direction = \"outbound\" }}.")
        return value


def shown(value: object) -> str:
    """Return a value of a plan as TOML and JSON write it, at most 60 characters."""
    try:
        text = json.dumps(value, default=str)
    except ValueError:  # Python does not write integers of more than 4,300 digits.
        text = "such a large number"
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def check_plan_id(plan_id: str, path: Path = ()) -> str:
    """Return a plan's id. Raises PlanError if it is not allowed."""
    if ID.fullmatch(plan_id) is None:
        raise PlanError(
            path,
            "A plan's id must have 1 to 64 lowercase letters, digits and hyphens and not start with a hyphen, "
            f"not {quoted(plan_id)}.",
        )
    return plan_id


def read_plan(value: object, path: Path = ()) -> PlanContent:
    """Return the plan version in a decoded table. Raises PlanError if it is not valid."""
    fields = _Fields(value, path, _PLAN_FIELDS)
    name = fields.label("name")
    currency = fields.text("currency", "an ISO 4217 code such as USD")
    digits = minor_digits(currency)
    if digits is None:
        raise fields.error(
            "currency", f"'currency' must be an ISO 4217 code with a minor unit, such as USD, not {quoted(currency)}."
        )
    effective = fields.text("effective", "the first month of this version, such as 2026-11")
    if not is_month(effective):
        raise fields.error("effective", f"'effective' must be a month such as 2026-11, not {quoted(effective)}.")
    charges: dict[str, Charge] = {}
    for number, table in enumerate(fields.tables("charges", MAX_CHARGES)):
        charge = _read_charge(table, (*path, "charges", number))
        if charge.id in charges:
            raise PlanError((*path, "charges", number, "id"), f"The plan has two charges with the id '{charge.id}'.")
        charges[charge.id] = charge
    return PlanContent(
        name=name,
        currency=currency,
        effective=effective,
        fee=fields.amount("fee", currency, digits),
        minimum=fields.amount("minimum", currency, digits),
        charges=tuple(charges.values()),
    )


def _read_charge(value: object, path: Path) -> Charge:
    fields = _Fields(value, path, _CHARGE_FIELDS)
    id_ = fields.text("id", "1 to 64 lowercase letters, digits and hyphens")
    if ID.fullmatch(id_) is None or id_ in RESERVED_IDS:
        raise fields.error(
            "id",
            "'id' must have 1 to 64 lowercase letters, digits and hyphens, not start with a hyphen, and not be "
            f"{' or '.join(RESERVED_IDS)}; it is {quoted(id_)}.",
        )
    meter = fields.choice("meter", tuple(METERS))
    charge = Charge(
        id=id_,
        name=fields.label("name"),
        meter=meter,
        where=_read_where(fields, meter) if "where" in fields else None,
        per_call=fields.choice("per_call", get_args(PerCall), EXACT),
        included=fields.decimal("included", "0"),
        price=fields.decimal("price") if "price" in fields else None,
        package=fields.decimal("package") if "package" in fields else None,
        tiers=_read_tiers(fields) if "tiers" in fields else (),
        mode=fields.choice("mode", get_args(Mode), "graduated"),
    )
    _check_prices(fields, charge)
    if "per_call" in fields and charge.meter != "voice_minutes":
        raise fields.error("per_call", "'per_call' is only allowed with the meter voice_minutes.")
    return charge


def _check_prices(fields: _Fields, charge: Charge) -> None:
    if (charge.price is None) == (not charge.tiers):
        raise fields.error("tiers", f"Charge '{charge.id}' must have {_PRICES}.")
    if charge.tiers:
        for name in ("included", "package"):
            if name in fields:
                advice = ' Write a first tier with the price "0" instead.' if name == "included" else ""
                raise fields.error(name, f"'{name}' is not allowed with tiers.{advice}")
    elif "mode" in fields:
        raise fields.error("mode", "'mode' is only allowed with tiers.")
    if charge.package is not None and not read_decimal(charge.package):
        raise fields.error("package", "'package' must be greater than 0.")


def _read_where(fields: _Fields, meter: str) -> dict[Dimension, str]:
    [(name, value)] = fields.mapping("where").items()
    path, allowed = (*fields.path, "where"), METERS[meter].dimensions
    dimension = next((dimension for dimension in allowed if dimension == name), None)
    if dimension is None:
        may = f"may name {', '.join(allowed)}" if allowed else "is not allowed"
        raise PlanError(path, f"'where' {may} with the meter {meter}, but it names {quoted(str(name))}.")
    if not isinstance(value, str) or len(value.encode()) > MAX_ID_BYTES or CONTROL.search(value):
        raise PlanError(path, f"'{name}' must be a text of at most {MAX_ID_BYTES} bytes; \"\" means without one.")
    choices = closed_sets(Kind.CONVERSATION).get(dimension, ())
    if choices and value not in choices:
        raise PlanError(path, f"'{name}' must be one of {', '.join(choices)}, not {quoted(value)}.")
    return {dimension: value}


def _read_tiers(fields: _Fields) -> tuple[Tier, ...]:
    path = (*fields.path, "tiers")
    tables = fields.tables("tiers", MAX_TIERS)
    if not tables:
        raise PlanError(path, "'tiers' must have at least one tier.")
    tiers: list[Tier] = []
    for number, table in enumerate(tables):
        tier_fields, is_last = _Fields(table, (*path, number), _TIER_FIELDS), number == len(tables) - 1
        if is_last == ("up_to" in tier_fields):
            rule = "The last tier must not have 'up_to'." if is_last else "Every tier but the last must have 'up_to'."
            raise PlanError((*path, number), rule)
        tier = Tier(tier_fields.decimal("price"), None if is_last else tier_fields.decimal("up_to"))
        previous = (tiers[-1].up_to if tiers else None) or "0"
        if tier.up_to is not None and read_decimal(tier.up_to) <= read_decimal(previous):
            raise PlanError((*path, number), f"'up_to' must ascend: {tier.up_to} is not greater than {previous}.")
        tiers.append(tier)
    return tuple(tiers)
