"""Whose budgets are evaluated next."""

import pytest

from talkmeter.budgets.schedule import AGAIN_SEC, REST, Schedule, Version

FIRST = Version("r1", "p1", 20_000)


@pytest.fixture
def evaluated() -> Schedule:
    """A schedule at second 10: organization a was evaluated within 0.1 s, and does not depend on time."""
    schedule = Schedule()
    schedule.update({"a": FIRST}, 9)
    schedule.done("a", 9.9, 10, again=False)
    return schedule


def due(schedule: Schedule, now: float, **versions: Version) -> list[str]:
    schedule.update(versions, now)
    return schedule.due(now)


def test_everything_is_due_at_the_start() -> None:
    assert due(Schedule(), 0, a=FIRST, b=FIRST) == ["a", "b"]


def test_unchanged_organization_is_not_due_again(evaluated: Schedule) -> None:
    assert due(evaluated, 10_000, a=FIRST) == []


@pytest.mark.parametrize(
    "change", [FIRST._replace(revision="r2"), FIRST._replace(plans_revision="p2"), FIRST._replace(day=20_001)]
)
def test_new_revision_plan_or_day_makes_an_organization_due(evaluated: Schedule, change: Version) -> None:
    assert due(evaluated, 11, a=change) == ["a"]


def test_day_before_the_evaluated_one_makes_an_organization_due(evaluated: Schedule) -> None:
    """The clock was set back."""
    assert due(evaluated, 11, a=FIRST._replace(day=19_634)) == ["a"]


def test_change_during_an_evaluation_makes_an_organization_due(evaluated: Schedule) -> None:
    change = FIRST._replace(revision="r2")
    evaluated.update({"a": change}, 11)
    # It became r3 before its values were read, so that they may be those of r2 or r3.
    evaluated.done("a", 11, 11.1, again=False)
    assert due(evaluated, 12.5, a=FIRST._replace(revision="r3")) == ["a"]


def test_organization_rests_nine_times_as_long_as_its_evaluation_took(evaluated: Schedule) -> None:
    change = FIRST._replace(revision="r2")
    rests_until = 10 + REST * 0.1
    assert due(evaluated, rests_until - 0.1, a=change) == []
    assert due(evaluated, rests_until + 0.1, a=change) == ["a"]


def test_longest_waiting_organization_is_first(evaluated: Schedule) -> None:
    change = FIRST._replace(revision="r2")
    evaluated.update({"a": FIRST, "b": FIRST}, 11)
    evaluated.update({"a": change, "b": FIRST}, 12)
    assert due(evaluated, 13, a=change, b=FIRST, c=FIRST) == ["b", "a", "c"]
    assert evaluated.delay(14) == 3
    evaluated.done("b", 13, 13.1, again=False)
    assert evaluated.delay(14) == 2


def test_budget_that_depends_on_time_is_due_again_after_a_minute(evaluated: Schedule) -> None:
    change = FIRST._replace(revision="r2")
    evaluated.update({"a": change}, 11)
    evaluated.done("a", 11, 12, again=True)
    assert due(evaluated, 12 + AGAIN_SEC - 1, a=change) == []
    assert due(evaluated, 12 + AGAIN_SEC, a=change) == ["a"]


def test_failed_evaluation_is_repeated_after_a_minute_and_not_at_the_next_change(evaluated: Schedule) -> None:
    evaluated.update({"a": FIRST._replace(revision="r2")}, 11)
    evaluated.failed("a", 11, 11.1)
    assert due(evaluated, 50, a=FIRST._replace(revision="r3")) == []
    assert evaluated.delay(50) == 0
    assert due(evaluated, 11.1 + AGAIN_SEC, a=FIRST._replace(revision="r3")) == ["a"]


def test_organization_without_budgets_is_forgotten(evaluated: Schedule) -> None:
    assert due(evaluated, 11, b=FIRST) == ["b"]
    assert due(evaluated, 12, a=FIRST, b=FIRST) == ["b", "a"]
    assert due(evaluated, 13) == []
    assert evaluated.delay(14) == 0
