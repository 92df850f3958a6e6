"""Work on many events gives way to answers, within bounds."""

import time

import pytest

from talkmeter.precedence import LONGEST_PAUSE_SEC, answering, giving_way

MANY = 10_000

pytestmark = pytest.mark.timeout(30)


def seconds_of_a_batch() -> float:
    began = time.monotonic()
    assert list(giving_way(range(MANY))) == list(range(MANY))
    return time.monotonic() - began


def test_a_batch_pauses_and_yet_comes_to_its_end_while_an_answer_never_does() -> None:
    with answering():
        assert seconds_of_a_batch() >= LONGEST_PAUSE_SEC


def test_a_batch_pauses_until_the_last_answer_has_ended() -> None:
    with answering():
        with answering():
            pass
        assert seconds_of_a_batch() >= LONGEST_PAUSE_SEC
    assert min(seconds_of_a_batch() for _ in range(5)) < LONGEST_PAUSE_SEC
