"""The cache of answers keeps what was used last, and an organization cannot drop all answers of another."""

from hypothesis import given
from hypothesis import strategies as st

from talkmeter.api.compression import Encoded
from talkmeter.api.fair_cache import FairCache

STEPS = st.lists(
    st.tuples(st.sampled_from(["acme", "bolt", "cobra"]), st.integers(0, 9), st.integers(0, 60), st.booleans())
)


def answer(size: int) -> Encoded:
    return Encoded(b"x" * size)


def test_answers_of_another_organization_stay_when_one_asks_for_many() -> None:
    cache = FairCache(100)
    cache.put("acme", "summary", answer(40))
    for number in range(50):
        cache.put("bolt", f"window-{number}", answer(10))
    assert cache.get("acme", "summary") == answer(40)
    assert cache.get("bolt", "window-49") == answer(10)
    assert cache.get("bolt", "window-0") is None


def test_organization_that_was_used_least_recently_makes_room() -> None:
    cache = FairCache(100)
    for org_id in ("acme", "bolt"):
        cache.put(org_id, "summary", answer(50))
    assert cache.get("acme", "summary") is not None
    cache.put("cobra", "summary", answer(50))
    assert [cache.get(org_id, "summary") is not None for org_id in ("acme", "bolt", "cobra")] == [True, False, True]


def test_cache_without_space_keeps_nothing() -> None:
    cache = FairCache(0)
    cache.put("acme", "summary", answer(1))
    assert cache.get("acme", "summary") is None


@given(STEPS)
def test_answers_never_exceed_the_space_or_the_share_of_an_organization(
    steps: list[tuple[str, int, int, bool]],
) -> None:
    cache = FairCache(100)
    for org_id, key, size, reads in steps:
        if reads:
            cache.get(org_id, str(key))
        else:
            cache.put(org_id, str(key), answer(size))
        kept = {
            org: sum(len(found.body) for number in range(10) if (found := cache.get(org, str(number))) is not None)
            for org in ("acme", "bolt", "cobra")
        }
        assert sum(kept.values()) <= 100
        assert max(kept.values()) <= 50
