"""How organizations are told: whole histories, how they are cut into requests, and what is asked of them."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import Phase, settings
from hypothesis import strategies as st

from tests.hypothesis_profiles import examples
from tests.laws.model import DAY, Item
from tests.laws.strategies import DAYS, FIRST_DAY, OWN, broken_events, events, lists_of, moments, often, snapshots

laws = settings(
    max_examples=examples(40),
    derandomize=False,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)


def items_of(org_ids: Sequence[str | None] = OWN) -> st.SearchStrategy[Item]:
    """One thing that an organization's own key may bring."""
    return often(event=(8, events(org_ids)), snapshot=(1, snapshots(org_ids)), broken=(1, broken_events(org_ids)))


def _echo(item: Item) -> Item:
    """The same sender, id and time with other content, where there is something to turn round."""
    raw = item.raw
    for one, other in ((b"inbound", b"outbound"), (b"success", b"failed"), (b"true", b"false")):
        raw = raw.replace(one, other)
    return item._replace(raw=raw)


@st.composite
def _with_echoes(draw: st.DrawFn, items: st.SearchStrategy[Item]) -> list[Item]:
    told = draw(lists_of(items))
    echoes = draw(st.lists(st.sampled_from(told), max_size=3)) if told else []
    return [*told, *map(_echo, echoes)]


histories = _with_echoes(items_of())
"""What one organization is told, in the order of arrival."""

_KINDS = ("phone_number", "dataset")
inventories = _with_echoes(
    often(event=(3, events(calls=0, runs=0, kinds=_KINDS)), snapshot=(2, snapshots(kinds=_KINDS)))
)
"""Little but snapshots and what happens between them."""


class Cuts(NamedTuple):
    """How a history becomes requests: at most `sizes` events each, in turn; `together`: all wait in one queue."""

    sizes: tuple[int, ...]
    forms: tuple[str, ...]
    together: bool


PLAINLY = Cuts((7,), ("batch",), together=False)


cuts = st.builds(
    Cuts,
    st.lists(st.sampled_from((1, 1, 2, 5, 20)), min_size=1, max_size=4).map(tuple),
    st.lists(st.sampled_from(("batch", "array", "alone", "binary")), min_size=1, max_size=3).map(tuple),
    st.booleans(),
)

windows = st.lists(moments, min_size=2, max_size=2, unique=True).map(lambda ends: (min(ends), max(ends)))
"""[start, end) with ragged bounds."""

EVERYTHING = ((FIRST_DAY - 1) * DAY, (FIRST_DAY + DAYS + 1) * DAY)
"""A window that holds all that is told."""
