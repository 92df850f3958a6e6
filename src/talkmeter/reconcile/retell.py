"""Retell's list: `POST /v3/list-calls`, oldest first, with `pagination_key` as the cursor while `has_more` is true.

Sources: docs.retellai.com/api-references/list-calls and Retell's own library 6.2 (`call.list`, `call_list_params`).
Version v2 is deprecated. The list contains phone and web calls; chats have a separate list.
"""

from typing import Final
from urllib.parse import quote

import msgspec

from talkmeter.ingest.connectors.payload import read_json
from talkmeter.ingest.connectors.provider import NotUnderstood
from talkmeter.ingest.connectors.retell import read_call
from talkmeter.ingest.connectors.verification import MICROSECONDS_PER_MILLISECOND
from talkmeter.reconcile.lists import CallList, CallPage, CallQuery, Request


class _RetellPage(msgspec.Struct):
    items: list[msgspec.Raw]
    has_more: bool = False
    pagination_key: str | None = None


def _page_request(query: CallQuery, cursor: str | None, size: int) -> Request:
    bounds = [instant // MICROSECONDS_PER_MILLISECOND for instant in query.window]
    body: dict[str, object] = {
        "filter_criteria": {"start_timestamp": {"type": "range", "op": "bt", "value": bounds}},
        "limit": size,
        "sort_order": "ascending",
    }
    if cursor is not None:
        body["pagination_key"] = cursor
    return Request("/v3/list-calls", msgspec.json.encode(body))


def _read_page(body: bytes, _cursor: str | None, _size: int) -> CallPage:
    page = read_json(body, _RetellPage)
    if page.has_more and not page.pagination_key:
        raise NotUnderstood("pagination_key is required if has_more is true.")
    return CallPage([*map(bytes, page.items)], page.pagination_key if page.has_more else None)


def _call_request(_query: CallQuery, id_: str) -> Request:
    return Request(f"/v2/get-call/{quote(id_, safe='')}")


LIST: Final = CallList(
    provider="retell",
    title="Retell",
    url="https://api.retellai.com",
    auth="bearer",
    page_size=100,
    page_request=_page_request,
    read_page=_read_page,
    call_request=_call_request,
    read_call=read_call,
)
