"""Vapi's list: `GET /call`, newest first; the next page begins where the previous one ended.

Sources: docs.vapi.ai/api-reference/calls/list and Vapi's own libraries (`createdAtLt`, `createdAtLe`, `updatedAtGe`,
`limit`). The list has no cursor, so the creation time of a page's last call is used as one.
"""

from itertools import pairwise
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from talkmeter.ingest.connectors.payload import read_json, read_text_instant
from talkmeter.ingest.connectors.provider import NotUnderstood
from talkmeter.ingest.connectors.vapi import read_call
from talkmeter.period import format_instant
from talkmeter.reconcile.lists import CallList, CallPage, CallQuery, Request


class _CreatedCall(msgspec.Struct, rename="camel"):
    created_at: str


def _page_request(query: CallQuery, cursor: str | None, size: int) -> Request:
    # A call that began in the window was created before the window's end and updated after its start. Filter by the
    # update, because a scheduled call may have been created long before it began.
    parameters = {"limit": str(size), "updatedAtGe": format_instant(query.window.start)}
    if cursor is None:
        parameters["createdAtLt"] = format_instant(query.window.end)
    else:
        # Include the cursor's instant: other calls may have the same one. Repeated calls are skipped later.
        parameters["createdAtLe"] = cursor
    return Request(f"/call?{urlencode(parameters)}")


def _read_page(body: bytes, cursor: str | None, size: int) -> CallPage:
    calls = [bytes(call) for call in read_json(body, list[msgspec.Raw])]
    created = [read_json(call, _CreatedCall).created_at for call in calls]
    instants = [read_text_instant("createdAt", text) or 0 for text in created]
    if any(later > earlier for earlier, later in pairwise(instants)):
        raise NotUnderstood("The calls must be sorted by createdAt, newest first.")
    is_full = len(calls) >= size
    if is_full and created[-1] == cursor:
        raise NotUnderstood(f"More than {size} calls were created at the same instant, {cursor}.")
    return CallPage(calls, created[-1] if is_full else None)


def _call_request(_query: CallQuery, id_: str) -> Request:
    return Request(f"/call/{quote(id_, safe='')}")


LIST: Final = CallList(
    provider="vapi",
    title="Vapi",
    url="https://api.vapi.ai",
    auth="bearer",
    # A small page: each call contains its whole transcript.
    page_size=100,
    page_request=_page_request,
    read_page=_read_page,
    call_request=_call_request,
    read_call=read_call,
)
