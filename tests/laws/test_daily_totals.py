"""The daily totals in the file are the model's, row for row, and its splits add up."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.histories import Cuts, cuts, histories, laws
from tests.laws.ledgers import Ledgers, Totals
from tests.laws.model import DAY, Item, Json, Model

pytestmark = pytest.mark.timeout(600)

CALL_SPLITS = ("agent", "number", "widget", "channel", "modality", "direction", "status")
RUN_SPLITS = ("workflow", "run_status")
DIMENSIONS = ("total", *CALL_SPLITS, *RUN_SPLITS)
COUNTERS = 13


def expected_totals(model: Model) -> Totals:
    """What each record adds, summed for each total it touches."""
    rows: dict[tuple[str, int, str], list[int]] = defaultdict(lambda: [0] * COUNTERS)
    for (kind, _), told in model.winners.items():
        fields = told.fields
        if fields is None or kind not in ("conversation", "workflow_execution") or fields["status"] == "token_created":
            continue
        counters, values = of_call(fields) if kind == "conversation" else of_run(fields)
        for dimension, value in {"total": None, **values}.items():
            key = (dimension, fields["created_at"] // DAY, value or "")
            rows[key] = [old + new for old, new in zip(rows[key], counters, strict=True)]
    return {key: tuple(counters) for key, counters in rows.items()}


def of_call(fields: Json) -> tuple[list[int], Json]:
    voice, inbound = fields["modality"] == "voice", fields["direction"] == "inbound"
    live, duration = fields["status"] in ("triggered", "ringing", "in_progress"), fields["duration"]
    flags = (True, voice, not voice, inbound, not inbound, duration is not None, live)
    sums = (duration or 0) * voice, (duration or 0) * (not voice)
    values = {
        "agent": fields["agent_id"],
        "number": fields["agent_number"],
        "widget": fields["web_widget_id"],
        **{name: fields[name] for name in ("channel", "modality", "direction", "status")},
    }
    return [*map(int, flags), *sums, 0, 0, 0, 0], values


def of_run(fields: Json) -> tuple[list[int], Json]:
    status = fields["status"]
    flags = (True, status == "success", status == "failed", status in ("running", "waiting"))
    return [0] * 9 + [*map(int, flags)], {"workflow": fields["workflow_id"], "run_status": status}


def added_up(totals: Totals, dimension: str, day: int) -> list[int]:
    rows = [counters for (named, of_day, _), counters in totals.items() if (named, of_day) == (dimension, day)]
    return [sum(column) for column in zip([0] * COUNTERS, *rows, strict=True)]


@laws
@given(histories, cuts, st.booleans())
def test_verify_finds_nothing_after_any_history(
    ledgers: Ledgers, history: list[Item], cuts: Cuts, keep_history: bool
) -> None:
    with ledgers.empty(keep_history=keep_history) as ledger:
        ledger.tell(history, cuts)
        assert ledger.verify() == []


@laws
@given(histories, cuts)
def test_every_daily_total_is_the_one_the_model_counts(ledgers: Ledgers, history: list[Item], cuts: Cuts) -> None:
    model = Model()
    model.tell_all(history)
    with ledgers.empty() as ledger:
        ledger.tell(history, cuts)
        assert ledger.totals() == expected_totals(model)


@laws
@given(histories, cuts)
def test_every_split_of_a_day_adds_up_to_the_day(ledgers: Ledgers, history: list[Item], cuts: Cuts) -> None:
    with ledgers.empty() as ledger:
        ledger.tell(history, cuts)
        totals = ledger.totals()
    for day in {day for _, day, _ in totals}:
        total = added_up(totals, "total", day)
        for split in CALL_SPLITS:
            assert added_up(totals, split, day) == [*total[:9], 0, 0, 0, 0]
        for split in RUN_SPLITS:
            assert added_up(totals, split, day) == [0] * 9 + total[9:]
