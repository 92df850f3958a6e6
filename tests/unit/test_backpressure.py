"""Processing of many events pauses while a query is answered, up to a limit."""

import threading
from collections.abc import Iterator

import pytest

from talkmeter import backpressure, clock
from talkmeter.backpressure import MAX_PAUSE_SEC, Throttle, answering

MANY = 10_000


class FakeEvent(threading.Event):
    """An event whose `wait` only moves a fake clock to the timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.now_sec = 0.0
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits += 1
        self.now_sec += timeout
        return False


@pytest.fixture
def event(monkeypatch: pytest.MonkeyPatch) -> FakeEvent:
    event = FakeEvent()
    monkeypatch.setattr(backpressure, "_all_answered", event)
    monkeypatch.setattr(clock, "monotonic", lambda: event.now_sec)
    return event


@pytest.fixture(autouse=True)
def _every_query_ends() -> Iterator[None]:
    yield
    assert backpressure._running_queries == 0


def process_batch(throttle: Throttle | None = None) -> None:
    assert list((throttle or Throttle()).iterate(range(MANY))) == list(range(MANY))


def test_batch_pauses_up_to_the_limit_while_a_query_is_answered(event: FakeEvent) -> None:
    with answering():
        process_batch()
    assert event.waits > 1
    assert event.now_sec == pytest.approx(MAX_PAUSE_SEC)


def test_several_passes_over_a_batch_share_the_limit(event: FakeEvent) -> None:
    throttle = Throttle()
    with answering():
        for _ in range(100):
            process_batch(throttle)
    assert event.now_sec == pytest.approx(MAX_PAUSE_SEC)


def test_single_events_do_not_pause(event: FakeEvent) -> None:
    with answering():
        for number in range(MANY):
            assert list(Throttle().iterate([number])) == [number]
    assert event.waits == 0


def test_batch_does_not_pause_without_a_query(event: FakeEvent) -> None:
    process_batch()
    assert event.waits == 0


def test_failed_query_ends_the_pauses(event: FakeEvent) -> None:
    with pytest.raises(ZeroDivisionError, match="failed"), answering():
        raise ZeroDivisionError("failed")
    process_batch()
    assert event.waits == 0


def test_batch_pauses_until_the_last_query_has_ended(event: FakeEvent) -> None:
    with answering():
        with answering():
            pass
        process_batch()
        assert event.now_sec == pytest.approx(MAX_PAUSE_SEC)
    process_batch()
    assert event.now_sec == pytest.approx(MAX_PAUSE_SEC)


def test_end_of_the_last_query_wakes_a_paused_batch(event: FakeEvent) -> None:
    with answering():
        with answering():
            process_batch()
        assert not event.is_set()
    assert event.is_set()
