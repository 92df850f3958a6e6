"""How long the thread that evaluates budgets rests."""

import pytest

from talkmeter.budgets.rest import MAX_REST_SEC, TIMES, CpuTime, rest_after

STARTED = CpuTime(100, 50, 10)


@pytest.mark.parametrize("others", [0.3, 1.0, 1.7])
def test_evaluations_get_a_fiftieth_of_the_time_of_a_busy_process(others: float) -> None:
    ended = CpuTime(101, 50.01 + others, 10.01)
    assert rest_after(STARTED, ended) == pytest.approx(TIMES * 0.01)


@pytest.mark.parametrize("others", [0.0, 0.1])
def test_evaluations_do_not_rest_while_nothing_else_runs(others: float) -> None:
    assert rest_after(STARTED, CpuTime(101, 50.9 + others, 10.9)) == 0


def test_rest_is_shorter_than_the_lease() -> None:
    assert rest_after(STARTED, CpuTime(102, 52, 11)) == MAX_REST_SEC
