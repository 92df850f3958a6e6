"""Vapi's list: `GET /call`, the newest first, the next page from where the one before ended.

Facts: docs.vapi.ai/api-reference/calls/list and Vapi's own libraries (`createdAtLt`, `createdAtLe`, `updatedAtGe`,
`limit`). The list has no cursor. A call that was planned long before it began is found by when it was last changed.
"""

from itertools import pairwise
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from talkmeter.ingest.connectors.payload import read_json, read_text_instant
from talkmeter.ingest.connectors.provider import NotUnderstood
from talkmeter.ingest.connectors.vapi import read_call
from talkmeter.period import format_instant
from talkmeter.reconcile.lists import CallList, Page, Question, Request


class _Created(msgspec.Struct, rename="camel"):
    created_at: str


def _page(question: Question, place: str | None, size: int) -> Request:
    window = question.window
    # What began in the window was created before its end, and changed after its start: it began then.
    query = {"limit": str(size), "updatedAtGe": format_instant(window.start)}
    if place is None:
        query["createdAtLt"] = format_instant(window.end)
    else:
        # Others may have been created at the same instant as the last one; what is told twice is passed over.
        query["createdAtLe"] = place
    return Request(f"/call?{urlencode(query)}")


def _read_page(body: bytes, place: str | None, size: int) -> Page:
    calls = [bytes(call) for call in read_json(body, list[msgspec.Raw])]
    created = [read_json(call, _Created).created_at for call in calls]
    instants = [read_text_instant("createdAt", text) or 0 for text in created]
    if any(later > earlier for earlier, later in pairwise(instants)):
        raise NotUnderstood("The newest call must come first, and does not.")
    full = len(calls) >= size
    if full and created[-1] == place:
        raise NotUnderstood(f"More than {size} calls were created at one instant, {place}.")
    return Page(calls, created[-1] if full else None)


def _one(_question: Question, id_: str) -> Request:
    return Request(f"/call/{quote(id_, safe='')}")


LIST: Final = CallList(
    provider="vapi",
    title="Vapi",
    url="https://api.vapi.ai",
    proof="bearer",
    # Each call comes with all that was said in it.
    size=100,
    page=_page,
    read_page=_read_page,
    one=_one,
    read_call=read_call,
)
