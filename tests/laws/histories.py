"""Strategies for histories of events, how they are cut into requests, and query windows."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import Phase, settings
from hypothesis import strategies as st

from tests.hypothesis_profiles import examples
from tests.laws.model import DAY, HistoryItem
from tests.laws.strategies import (
    DAYS,
    FIRST_DAY,
    OWN_NAMES,
    broken_events,
    events,
    moments,
    short_and_long_lists,
    snapshots,
    weighted,
)

laws = settings(
    max_examples=examples(40),
    derandomize=False,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)


def history_items(org_ids: Sequence[str | None] = OWN_NAMES) -> st.SearchStrategy[HistoryItem]:
    """Generate what an organization's own key can send: an event, a snapshot or a broken event."""
    return weighted(event=(8, events(org_ids)), snapshot=(1, snapshots(org_ids)), broken=(1, broken_events(org_ids)))


def _conflicting_copy(item: HistoryItem) -> HistoryItem:
    """Return the item with the same sender, id and time but other content, if it has a value that can be swapped."""
    raw = item.raw
    for old, new in ((b"inbound", b"outbound"), (b"success", b"failed"), (b"true", b"false")):
        raw = raw.replace(old, new)
    return item._replace(raw=raw)


@st.composite
def _with_conflicts(draw: st.DrawFn, items: st.SearchStrategy[HistoryItem]) -> list[HistoryItem]:
    history = draw(short_and_long_lists(items))
    copied = draw(st.lists(st.sampled_from(history), max_size=3)) if history else []
    return [*history, *map(_conflicting_copy, copied)]


histories = _with_conflicts(history_items())
"""What one organization receives, in the order of arrival."""

_KINDS = ("phone_number", "dataset")
inventories = _with_conflicts(
    weighted(event=(3, events(calls=0, runs=0, kinds=_KINDS)), snapshot=(2, snapshots(kinds=_KINDS)))
)
"""Histories of inventory items only: snapshots and the events between them."""


class Cuts(NamedTuple):
    """How to cut a history into requests.

    Request n has at most `sizes[n]` events and the form `forms[n]`; both lists repeat.
    With `together`, all requests are queued before the first result is read.
    """

    sizes: tuple[int, ...]
    forms: tuple[str, ...]
    together: bool


DEFAULT_CUTS = Cuts((7,), ("batch",), together=False)


cuts = st.builds(
    Cuts,
    st.lists(st.sampled_from((1, 1, 2, 5, 20)), min_size=1, max_size=4).map(tuple),
    st.lists(st.sampled_from(("batch", "array", "alone", "binary")), min_size=1, max_size=3).map(tuple),
    st.booleans(),
)

windows = st.lists(moments, min_size=2, max_size=2, unique=True).map(lambda ends: (min(ends), max(ends)))
"""Windows [start, end) that can start and end at any instant."""

EVERYTHING = ((FIRST_DAY - 1) * DAY, (FIRST_DAY + DAYS + 1) * DAY)
"""A window that contains every generated record."""
