"""The receipt: how each event of a request was classified, as if the events had been applied one by one."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from talkmeter.ledger.batch import BatchResult, QuarantinedEntry


class Receipt(msgspec.Struct, frozen=True):
    """The number of events by result; each event has exactly one result (docs/reference/http-api.md)."""

    accepted: Annotated[int, Meta(description="States that are now the winning ones of their records, and count.")]
    duplicate: Annotated[int, Meta(description="States that were the winning ones already.")]
    conflicting: Annotated[
        int, Meta(description="Stale states with the winner's source, id and time, but other content.")
    ]
    stale: Annotated[int, Meta(description="States that another state of their record outranks.")]
    quarantined: Annotated[list[QuarantinedEntry], Meta(description="Invalid events, which do not count.")]


def make_receipt(results: Iterable[BatchResult]) -> Receipt:
    """Return the receipt of a request from the results of its organizations' batches."""
    results = list(results)
    return Receipt(
        accepted=sum(result.accepted for result in results),
        duplicate=sum(result.duplicate for result in results),
        conflicting=sum(result.conflicting for result in results),
        stale=sum(result.stale for result in results),
        quarantined=sorted(
            (event for result in results for event in result.quarantined), key=lambda event: event.index
        ),
    )
