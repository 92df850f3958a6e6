"""Hypothesis profiles: `default`, and `fast` with few examples (`make test-fast`).

Neither has a time limit for an example or for generating data: on a busy machine both would fail at random.
"""

from typing import Final

from hypothesis import HealthCheck, settings

FAST_EXAMPLES: Final = 5


def register_profiles() -> None:
    """Register the profiles and load `default`; `--hypothesis-profile` of pytest loads another one after this."""
    default = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("default", default)
    settings.register_profile("fast", default, max_examples=FAST_EXAMPLES)
    settings.load_profile("default")


def examples(number: int) -> int:
    """Return how many examples to run of a test that runs `number` by default."""
    return min(number, FAST_EXAMPLES) if settings.get_current_profile_name() == "fast" else number
