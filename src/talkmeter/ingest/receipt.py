"""The receipt: what became of each event of a request, as if they had been applied one by one."""

from collections.abc import Iterable

import msgspec

from talkmeter.ledger.batch import BatchResult, Quarantined


class Receipt(msgspec.Struct, frozen=True):
    """How many events ended in each bin; each event is in exactly one (docs/reference/http-api.md)."""

    accepted: int
    duplicate: int
    conflicting: int
    stale: int
    quarantined: list[Quarantined]


def make_receipt(parts: Iterable[BatchResult]) -> Receipt:
    """The receipt of a request whose events were written in one or more organizations."""
    parts = list(parts)
    return Receipt(
        accepted=sum(part.accepted for part in parts),
        duplicate=sum(part.duplicate for part in parts),
        conflicting=sum(part.conflicting for part in parts),
        stale=sum(part.stale for part in parts),
        quarantined=sorted((one for part in parts for one in part.quarantined), key=lambda one: one.index),
    )
