"""Work on many events gives way to answers, within bounds."""

import time

import pytest

from talkmeter.precedence import LONGEST_PAUSE_SEC, PAUSE_PER_ITEM_SEC, Pauses, answering

MANY = 10_000

pytestmark = pytest.mark.timeout(30)


def seconds_of_a_batch() -> float:
    began = time.monotonic()
    assert list(Pauses().between(range(MANY))) == list(range(MANY))
    return time.monotonic() - began


def test_a_batch_pauses_and_yet_comes_to_its_end_while_an_answer_never_does() -> None:
    with answering():
        assert LONGEST_PAUSE_SEC <= seconds_of_a_batch() < 20 * LONGEST_PAUSE_SEC


def test_the_pauses_of_several_passes_over_a_batch_are_bounded_together() -> None:
    pauses = Pauses()
    with answering():
        began = time.monotonic()
        for _ in range(100):
            assert list(pauses.between(range(MANY))) == list(range(MANY))
        assert time.monotonic() - began < 20 * LONGEST_PAUSE_SEC


def test_events_that_come_one_by_one_do_not_pause() -> None:
    with answering():
        began = time.monotonic()
        for number in range(MANY):
            assert list(Pauses().between([number])) == [number]
        assert time.monotonic() - began < MANY * PAUSE_PER_ITEM_SEC


def test_an_answer_that_fails_has_ended() -> None:
    with pytest.raises(ZeroDivisionError, match="an answer"), answering():
        raise ZeroDivisionError("an answer that fails")
    assert min(seconds_of_a_batch() for _ in range(5)) < LONGEST_PAUSE_SEC


def test_a_batch_pauses_until_the_last_answer_has_ended() -> None:
    with answering():
        with answering():
            pass
        assert seconds_of_a_batch() >= LONGEST_PAUSE_SEC
    assert min(seconds_of_a_batch() for _ in range(5)) < LONGEST_PAUSE_SEC
