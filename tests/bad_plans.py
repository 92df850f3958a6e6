"""Plans that are not valid, each with the sentence that says so: for the command line and for the API.

The place of a mistake is marked with the comment `# here`; the API gets the decoded plan.
"""

from typing import Final, NamedTuple

_PLAN: Final = """default_plan = "smb"

[plans.other]
name = "Other"
currency = "EUR"
effective = "2099-01"

[plans.smb]
name = "SMB"
{plan}
"""
_FIELDS: Final = {"currency": '"USD"', "effective": '"2099-11"'}
_CHARGE: Final = {"id": '"line"', "name": '"Line"', "meter": '"voice_minutes"', "price": '"0.12"'}
_DECIMAL: Final = (
    'a decimal number in quotes, 0 or more, with up to 12 digits on each side of the point, such as "0.12"'
)
_CHARGES: Final = "charges[1]"


class BadPlan(NamedTuple):
    """A file of plans, and the place and the sentence of its mistake."""

    text: str
    place: str
    """The place in the plan `smb`, as the API names it."""
    sentence: str

    @property
    def line(self) -> int:
        """The line of the mistake in the file."""
        lines = self.text.splitlines()
        [number] = [number for number, line in enumerate(lines, start=1) if line.endswith("# here")]
        return number


def _fields(values: dict[str, str], here: str) -> str:
    lines = (f"{name} = {value}{' # here' if name == here else ''}" for name, value in values.items())
    return "\n".join(lines)


def of_plan(here: str, sentence: str, place: str | None = None, **fields: str) -> BadPlan:
    """Return a plan with other fields; `here` is the field with the mistake, and "" the header of the plan."""
    kept = {name: value for name, value in {**_FIELDS, **fields}.items() if value}
    text = _PLAN.format(plan=_fields(kept, here))
    text = text if here else text.replace("[plans.smb]", "[plans.smb] # here")
    return BadPlan(text, here if place is None else place, sentence)


def of_charge(here: str, sentence: str, place: str | None = None, **fields: str) -> BadPlan:
    """Return a plan with two charges; the second one has other fields. "" removes one; `here` is the mistake."""
    first, second = _CHARGE | {"id": '"first"'}, {**_CHARGE, **fields}
    kept = {name: value for name, value in second.items() if value}
    charges = (
        f"\n[[plans.smb.charges]]\n{_fields(first, 'none')}\n"
        f"\n[[plans.smb.charges]]{'' if here else ' # here'}\n{_fields(kept, here)}\n"
    )
    where = (f"{_CHARGES}.{here}" if here else _CHARGES) if place is None else place
    return BadPlan(_PLAN.format(plan=_fields(_FIELDS, "none") + "\n" + charges), where, sentence)


def _wrong(name: str, allowed: str, shown: str) -> str:
    return f"'{name}' must be {allowed}, not {shown}."


_TIERS: Final = '[{ up_to = "10", price = "1" }, { price = "2" }]'
_CALL_DIMENSIONS: Final = "direction, channel, agent, number, widget, status"
_PRICES: Final = "Charge 'line' must have exactly one of price, package with price, or tiers."
_CURRENCY: Final = "an ISO 4217 code with a minor unit, such as USD"
_CHARGE_ID: Final = "'id' must have 1 to 64 lowercase letters, digits and hyphens, not start with a hyphen, and not be"
_NAME: Final = "a text of 1 to 200 characters without control characters"

BAD_PLANS: Final = {
    "unknown meter": of_charge(
        "meter",
        "'meter' must be one of voice_minutes, chat_minutes, calls, voice_calls, chat_sessions, inbound_calls, "
        "outbound_calls, workflow_runs, workflow_runs_success, agents, phone_numbers, shared_phone_numbers, "
        "web_widgets, knowledge_bases, not 'voice_minute' (did you mean 'voice_minutes'?).",
        meter='"voice_minute"',
    ),
    "price is a float": of_charge("price", _wrong("price", _DECIMAL, "0.12"), price="0.12"),
    "price is an integer": of_charge("price", _wrong("price", _DECIMAL, "1"), price="1"),
    "price is true": of_charge("price", _wrong("price", _DECIMAL, "true"), price="true"),
    "price is not a number": of_charge("price", _wrong("price", _DECIMAL, "'free'"), price='"free"'),
    "price is negative": of_charge("price", _wrong("price", _DECIMAL, "'-0.01'"), price='"-0.01"'),
    "price has an exponent": of_charge("price", _wrong("price", _DECIMAL, "'1e-3'"), price='"1e-3"'),
    "price has 13 digits": of_charge(
        "price", _wrong("price", _DECIMAL, "'0.0000000000001'"), price='"0.0000000000001"'
    ),
    "no price": of_charge("", _PRICES, price=""),
    "package without price": of_charge("", _PRICES, price="", package='"1000"'),
    "price and tiers": of_charge("tiers", _PRICES, tiers=_TIERS),
    "empty tiers": of_charge("tiers", "'tiers' must have at least one tier.", price="", tiers="[]"),
    "package of zero": of_charge("package", "'package' must be greater than 0.", package='"0.0"'),
    "included with tiers": of_charge(
        "included",
        "'included' is not allowed with tiers. Write a first tier with the price \"0\" instead.",
        price="",
        included='"500"',
        tiers=_TIERS,
    ),
    "package with tiers": of_charge(
        "package", "'package' is not allowed with tiers.", price="", package='"5"', tiers=_TIERS
    ),
    "mode without tiers": of_charge("mode", "'mode' is only allowed with tiers.", mode='"volume"'),
    "unknown mode": of_charge(
        "mode",
        "'mode' must be one of graduated, volume, not 'volumes' (did you mean 'volume'?).",
        price="",
        tiers=_TIERS,
        mode='"volumes"',
    ),
    "tiers out of order": of_charge(
        "tiers",
        "'up_to' must ascend: 500 is not greater than 1000.5.",
        f"{_CHARGES}.tiers[1]",
        price="",
        tiers='[{ up_to = "1000.5", price = "1" }, { up_to = "500", price = "2" }, { price = "3" }]',
    ),
    "first tier ends at zero": of_charge(
        "tiers",
        "'up_to' must ascend: 0 is not greater than 0.",
        f"{_CHARGES}.tiers[0]",
        price="",
        tiers='[{ up_to = "0", price = "1" }, { price = "3" }]',
    ),
    "last tier has an end": of_charge(
        "tiers",
        "The last tier must not have 'up_to'.",
        f"{_CHARGES}.tiers[0]",
        price="",
        tiers='[{ up_to = "10", price = "1" }]',
    ),
    "tier without an end": of_charge(
        "tiers",
        "Every tier but the last must have 'up_to'.",
        f"{_CHARGES}.tiers[0]",
        price="",
        tiers='[{ price = "1" }, { price = "2" }]',
    ),
    "price of a tier is a float": of_charge(
        "tiers",
        _wrong("price", _DECIMAL, "0.5"),
        f"{_CHARGES}.tiers[0].price",
        price="",
        tiers="[{ price = 0.5 }]",
    ),
    "unknown field of a tier": of_charge(
        "tiers",
        "Unknown field 'upto'. Did you mean 'up_to'? Allowed: up_to, price.",
        f"{_CHARGES}.tiers[0].upto",
        price="",
        tiers='[{ upto = "10", price = "1" }, { price = "2" }]',
    ),
    "tiers are not a list": of_charge(
        "tiers", "'tiers' must be a list of at most 50 tables.", price="", tiers='"0.12"'
    ),
    "51 tiers": of_charge(
        "tiers",
        "'tiers' must be a list of at most 50 tables.",
        price="",
        tiers="[" + ", ".join('{ price = "1" }' for _ in range(51)) + "]",
    ),
    "where with two keys": of_charge(
        "where",
        "'where' must have exactly one key, such as { direction = \"outbound\" }.",
        where='{ direction = "outbound", agent = "ann" }',
    ),
    "empty where": of_charge(
        "where", "'where' must have exactly one key, such as { direction = \"outbound\" }.", where="{}"
    ),
    "where is a text": of_charge(
        "where", "'where' must have exactly one key, such as { direction = \"outbound\" }.", where='"outbound"'
    ),
    "where names another dimension": of_charge(
        "where",
        f"'where' may name {_CALL_DIMENSIONS} with the meter voice_minutes, but it names 'workflow'.",
        where='{ workflow = "a" }',
    ),
    "where of runs names an agent": of_charge(
        "where",
        "'where' may name workflow with the meter workflow_runs, but it names 'agent'.",
        meter='"workflow_runs"',
        where='{ agent = "ann" }',
    ),
    "where of items": of_charge(
        "where",
        "'where' is not allowed with the meter agents, but it names 'agent'.",
        meter='"agents"',
        where='{ agent = "ann" }',
    ),
    "where names an unknown direction": of_charge(
        "where", "'direction' must be one of inbound, outbound, not 'out'.", where='{ direction = "out" }'
    ),
    "value of where is a number": of_charge(
        "where", "'agent' must be a text of at most 200 bytes; \"\" means without one.", where="{ agent = 7 }"
    ),
    "value of where is too long": of_charge(
        "where",
        "'agent' must be a text of at most 200 bytes; \"\" means without one.",
        where=f'{{ agent = "{"a" * 201}" }}',
    ),
    "per_call of chats": of_charge(
        "per_call",
        "'per_call' is only allowed with the meter voice_minutes.",
        meter='"chat_minutes"',
        per_call='"60/60"',
    ),
    "unknown per_call": of_charge(
        "per_call", "'per_call' must be one of exact, 1/1, 6/6, 30/6, 60/60, not '60'.", per_call='"60"'
    ),
    "reserved id fee": of_charge("id", f"{_CHARGE_ID} fee or minimum; it is 'fee'.", id='"fee"'),
    "reserved id minimum": of_charge("id", f"{_CHARGE_ID} fee or minimum; it is 'minimum'.", id='"minimum"'),
    "id with capitals": of_charge("id", f"{_CHARGE_ID} fee or minimum; it is 'Voice'.", id='"Voice"'),
    "id of 65 characters": of_charge("id", f"{_CHARGE_ID} fee or minimum; it is '{'a' * 60}...'.", id=f'"{"a" * 65}"'),
    "two charges with one id": of_charge("id", "The plan has two charges with the id 'first'.", id='"first"'),
    "charge without a name": of_charge("", "'name' is missing: it must be a text of 1 to 200 characters.", name=""),
    "blank name": of_charge("name", _wrong("name", _NAME, "'  '"), name='"  "'),
    "name of two lines": of_charge("name", _wrong("name", _NAME, "'a\\nb'"), name='"a\\nb"'),
    "unknown field of a charge": of_charge(
        "prize",
        "Unknown field 'prize'. Did you mean 'price'? Allowed: id, name, meter, where, per_call, included, price, "
        "package, tiers, mode.",
        price="",
        prize='"0.12"',
    ),
    "included is negative": of_charge("included", _wrong("included", _DECIMAL, "'-1'"), included='"-1"'),
    "unknown currency": of_plan("currency", _wrong("currency", _CURRENCY, "'USX'"), currency='"USX"'),
    "currency in small letters": of_plan("currency", _wrong("currency", _CURRENCY, "'usd'"), currency='"usd"'),
    "gold": of_plan("currency", _wrong("currency", _CURRENCY, "'XAU'"), currency='"XAU"'),
    "no currency": of_plan("", "'currency' is missing: it must be an ISO 4217 code such as USD.", currency=""),
    "no first month": of_plan(
        "", "'effective' is missing: it must be the first month of this version, such as 2026-11.", effective=""
    ),
    "first month is a day": of_plan(
        "effective", "'effective' must be a month such as 2026-11, not '2026-11-01'.", effective='"2026-11-01"'
    ),
    "first month is a date of TOML": of_plan(
        "effective",
        "'effective' must be the first month of this version, such as 2026-11, not \"2026-11-01\".",
        effective="2026-11-01",
    ),
    "month 13": of_plan(
        "effective", "'effective' must be a month such as 2026-11, not '2026-13'.", effective='"2026-13"'
    ),
    "year 2100": of_plan(
        "effective", "'effective' must be a month such as 2026-11, not '2100-01'.", effective='"2100-01"'
    ),
    "fee of a part of a cent": of_plan(
        "fee",
        "'fee' must be a whole amount of USD, with at most 2 digits after the point, not '10.005'.",
        fee='"10.005"',
    ),
    "fee of a part of a yen": of_plan(
        "fee",
        "'fee' must be a whole amount of JPY, with no digits after the point, not '10.5'.",
        currency='"JPY"',
        fee='"10.5"',
    ),
    "minimum is a float": of_plan("minimum", _wrong("minimum", _DECIMAL, "2000.0"), minimum="2000.0"),
    "unknown field of a plan": of_plan(
        "fees",
        "Unknown field 'fees'. Did you mean 'fee'? Allowed: name, currency, effective, fee, minimum, charges.",
        fees='"10"',
    ),
    "charges are not a list": of_plan(
        "charges", "'charges' must be a list of at most 200 tables.", charges='{ voice = "0.12" }'
    ),
    "charge is not a table": of_plan(
        "charges",
        "This must be a table with id, name, meter, where, per_call, included, price, package, tiers, mode.",
        "charges[0]",
        charges='["0.12"]',
    ),
    "charge inside the plan": of_plan(
        "charges",
        _wrong("price", _DECIMAL, "0.12"),
        "charges[0].price",
        charges='[{ id = "a", name = "A", meter = "calls", price = 0.12 }]',
    ),
}
