"""A plan that is written as TOML is read as the same plan, and places of a file are found in every form of TOML."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.billing.plan import EXACT, METERS
from talkmeter.billing.plan_file import line_of, read_plan_file, write_plan
from talkmeter.billing.read_plan import read_plan

CLOSED: dict[str, tuple[str, ...]] = {
    "direction": ("inbound", "outbound"),
    "channel": ("telephone", "webrtc"),
    "status": ("completed", "failed"),
}
decimals = st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,12})?", fullmatch=True, alphabet=st.characters(max_codepoint=127))
texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=200)
names = texts.filter(str.strip)
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True).filter(lambda text: text not in ("fee", "minimum"))


@st.composite
def charges(draw: st.DrawFn, id_: str) -> dict[str, Any]:
    """Generate a valid charge of any meter."""
    meter = draw(st.sampled_from(tuple(METERS)))
    charge: dict[str, Any] = {"id": id_, "name": draw(names), "meter": meter}
    dimensions: tuple[str, ...] = METERS[meter].dimensions
    if draw(st.booleans()) and dimensions:
        dimension = draw(st.sampled_from(dimensions))
        values = st.sampled_from(CLOSED[dimension]) if dimension in CLOSED else st.just("") | texts.map(_short)
        charge["where"] = {dimension: draw(values)}
    if meter == "voice_minutes" and draw(st.booleans()):
        charge["per_call"] = draw(st.sampled_from((EXACT, "1/1", "6/6", "30/6", "60/60")))
    if draw(st.booleans()):
        ends = sorted(draw(st.sets(st.integers(1, 10**12 - 1), max_size=5)))
        charge["tiers"] = [*({"up_to": str(end), "price": draw(decimals)} for end in ends), {"price": draw(decimals)}]
        charge["mode"] = draw(st.sampled_from(("graduated", "volume")))
    else:
        charge |= {"price": draw(decimals), "included": draw(decimals)}
        if draw(st.booleans()):
            charge["package"] = draw(decimals.filter(lambda text: text.strip("0.")))
    return charge


def _short(text: str) -> str:
    return text.encode()[:200].decode(errors="ignore")


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Generate the decoded table of a valid plan."""
    return {
        "name": draw(names),
        "currency": draw(st.sampled_from(("USD", "EUR", "KWD"))),
        "effective": f"{draw(st.integers(1970, 2099))}-{draw(st.integers(1, 12)):02}",
        "fee": f"{draw(st.integers(0, 10**12 - 1))}.{draw(st.integers(0, 99)):02}",
        "minimum": str(draw(st.integers(0, 10**12 - 1))),
        "charges": [draw(charges(id_)) for id_ in draw(st.lists(ids, unique=True, max_size=4))],
    }


@given(plans(), ids)
def test_written_plan_is_read_as_equal(tmp_path_factory: pytest.TempPathFactory, table: Any, plan_id: str) -> None:
    content = read_plan(table)
    file = tmp_path_factory.getbasetemp() / "written.toml"
    file.write_bytes(write_plan(plan_id, content).encode())
    assert read_plan_file(file).plans == {plan_id: content}


@given(plans())
def test_plan_as_json_is_read_as_the_plan_as_toml(table: Any) -> None:
    content = read_plan(table)
    assert read_plan(tomllib.loads(write_plan("smb", content))["plans"]["smb"]) == content


FORMS = {
    "list of tables": """[plans.smb]
name = "a"
[[plans.smb.charges]]
id = "a"
[[plans.smb.charges]]
id = "b"
price = 1
""",
    "quoted names": """["plans" . 'smb']
"name" = "a\u2028b"

[[ plans."smb".charges ]]
[[plans.smb.charges]] # b

'price' = 1
""",
    "list in the plan": """[plans.smb]
name = "a"




charges = [{ id = "a" }, { id = "b", price = 1 }]
""",
    "table in the root": """





plans = { smb = { charges = [{ id = "a" }, { price = 1 }] } }
""",
    "dotted keys": """[plans]





smb.charges = [{ id = "a" }, { price = 1 }]
""",
    "plan in the table of plans": """[plans]





smb = { charges = [{ id = "a" }, { price = 1 }] }
""",
    "other plan before": """[plans.other]
[[plans.other.charges]]
price = 2
[[plans.smb.charges]]
[[plans.smb.charges]]
id = ""
price=1
""",
}
SUBTABLES = """[[plans.smb.charges]]
id = "a"
[plans.smb.charges.where]
agent = 1
[[plans.smb.charges.tiers]]
price = 1
"""


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_line_of_a_field_is_found_in_every_form_of_toml(text: str) -> None:
    assert tomllib.loads(text)["plans"]["smb"]["charges"][1]["price"] == 1
    assert line_of(text, ("plans", "smb", "charges", 1, "price")) == 7


def test_line_of_a_missing_field_is_that_of_its_table() -> None:
    text = FORMS["list of tables"]
    assert line_of(text, ("plans", "smb", "charges", 0)) == 3
    assert line_of(text, ("plans", "smb", "charges", 1, "tiers")) == 5
    assert line_of(text, ("plans", "smb", "fee")) == 1


def test_field_of_a_table_inside_a_charge_is_found() -> None:
    assert line_of(SUBTABLES, ("plans", "smb", "charges", 0, "where", "agent")) == 4
    assert line_of(SUBTABLES, ("plans", "smb", "charges", 0, "tiers", 0, "price")) == 6


def test_example_is_a_valid_file() -> None:
    file = read_plan_file(Path(__file__).parents[2] / "examples" / "plans.toml")
    assert (list(file.plans), file.default_plan) == (["smb"], "smb")
