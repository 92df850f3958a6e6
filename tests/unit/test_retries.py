"""When a failed delivery is attempted again, and when it is given up."""

import pytest

from talkmeter.notify.deliveries import MAX_WAIT
from talkmeter.notify.retries import GIVE_UP_AFTER, next_attempt

SECOND = 1_000_000
HOUR = 3_600 * SECOND


@pytest.mark.parametrize(
    ("attempts", "wait_sec"),
    [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1_800), (6, 3_600), (7, 7_200), (8, 14_400), (9, 21_600), (30, 21_600)],
)
def test_wait_grows_with_the_number_of_attempts(attempts: int, wait_sec: int) -> None:
    assert next_attempt(0, attempts, HOUR, 0) == HOUR + wait_sec * SECOND


def test_jitter_shortens_the_wait_by_up_to_a_tenth() -> None:
    assert next_attempt(0, 9, 0, 0.5) == MAX_WAIT * 95 // 100
    assert next_attempt(0, 9, 0, 1) == MAX_WAIT * 9 // 10


def test_delivery_is_given_up_after_three_days() -> None:
    assert next_attempt(0, 9, GIVE_UP_AFTER - MAX_WAIT, 0) == GIVE_UP_AFTER
    assert next_attempt(0, 9, GIVE_UP_AFTER - MAX_WAIT + 1, 0) is None


def test_receiver_that_stays_down_gets_about_twenty_attempts() -> None:
    now, attempts = 0, 0
    while True:
        attempts += 1
        following = next_attempt(0, attempts, now, 0)
        if following is None:
            break
        now = following
    assert (attempts, now > GIVE_UP_AFTER - MAX_WAIT) == (19, True)
