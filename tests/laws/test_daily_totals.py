"""The daily totals in the table equal those of the model row by row, and the splits of a day add up to it."""

from collections import defaultdict
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.histories import Cuts, cuts, histories, laws
from tests.laws.ledgers import Ledgers, Totals
from tests.laws.model import DAY, HistoryItem, Json, Model

pytestmark = pytest.mark.timeout(600)

CALL_SPLITS = ("agent", "number", "widget", "channel", "modality", "direction", "status")
RUN_SPLITS = ("workflow", "run_status")
DIMENSIONS = ("total", *CALL_SPLITS, *RUN_SPLITS)
COUNTERS = 17
INCREMENTS = ((1, 1), (6, 6), (30, 6), (60, 60))


def expected_totals(model: Model) -> Totals:
    """Return the daily totals of the model: the sums of what each record adds."""
    rows: dict[tuple[str, int, str], list[int]] = defaultdict(lambda: [0] * COUNTERS)
    for (kind, _), winner in model.winners.items():
        fields = winner.fields
        if fields is None or kind not in ("conversation", "workflow_execution") or fields["status"] == "token_created":
            continue
        counters, values = count_call(fields) if kind == "conversation" else count_run(fields)
        for dimension, value in {"total": None, **values}.items():
            key = (dimension, fields["created_at"] // DAY, value or "")
            rows[key] = [old + new for old, new in zip(rows[key], counters, strict=True)]
    return {key: tuple(counters) for key, counters in rows.items()}


def count_call(fields: Json) -> tuple[list[int], Json]:
    voice, inbound = fields["modality"] == "voice", fields["direction"] == "inbound"
    live, duration = fields["status"] in ("triggered", "ringing", "in_progress"), fields["duration"]
    flags = (True, voice, not voice, inbound, not inbound, duration is not None, live)
    sums = (duration or 0) * voice, (duration or 0) * (not voice)
    billed = [billed_seconds(duration, *increment) if voice and duration else 0 for increment in INCREMENTS]
    values = {
        "agent": fields["agent_id"],
        "number": fields["agent_number"],
        "widget": fields["web_widget_id"],
        **{name: fields[name] for name in ("channel", "modality", "direction", "status")},
    }
    return [*map(int, flags), *sums, 0, 0, 0, 0, *billed], values


def billed_seconds(duration_ms: int, least: int, step: int) -> int:
    """Add steps to the least duration until it covers the call."""
    return next(sec for sec in count(least, step) if sec * 1_000 >= duration_ms)


def count_run(fields: Json) -> tuple[list[int], Json]:
    status = fields["status"]
    flags = (True, status == "success", status == "failed", status in ("running", "waiting"))
    return [0] * 9 + [*map(int, flags)] + [0] * 4, {"workflow": fields["workflow_id"], "run_status": status}


def sum_counters(totals: Totals, dimension: str, day: int) -> list[int]:
    rows = [counters for key, counters in totals.items() if key[:2] == (dimension, day)]
    return [sum(column) for column in zip([0] * COUNTERS, *rows, strict=True)]


@laws
@given(histories, cuts, st.booleans())
def test_verify_finds_no_difference_after_any_history(
    ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts, keep_history: bool
) -> None:
    with ledgers.empty(keep_history=keep_history) as ledger:
        ledger.ingest(history, cuts)
        assert ledger.verify() == []


@laws
@given(histories, cuts)
def test_every_daily_total_equals_that_of_the_model(ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts) -> None:
    model = Model()
    model.apply_all(history)
    with ledgers.empty() as ledger:
        ledger.ingest(history, cuts)
        assert ledger.totals() == expected_totals(model)


@laws
@given(histories, cuts)
def test_every_split_of_a_day_adds_up_to_the_day(ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts) -> None:
    with ledgers.empty() as ledger:
        ledger.ingest(history, cuts)
        totals = ledger.totals()
    for day in {day for _, day, _ in totals}:
        total = sum_counters(totals, "total", day)
        for split in CALL_SPLITS:
            assert sum_counters(totals, split, day) == [*total[:9], 0, 0, 0, 0, *total[13:]]
        for split in RUN_SPLITS:
            assert sum_counters(totals, split, day) == [0] * 9 + total[9:13] + [0] * 4
