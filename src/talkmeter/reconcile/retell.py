"""Retell's list: `POST /v3/list-calls`, the oldest first, pages named by `pagination_key` as long as `has_more`.

Facts: docs.retellai.com/api-references/list-calls and Retell's own library 6.2 (`call.list`, `call_list_params`). The
version before, v2, is deprecated. It lists calls by telephone and on the web; chats have a list of their own.
"""

from typing import Final
from urllib.parse import quote

import msgspec

from talkmeter.ingest.connectors.payload import read_json
from talkmeter.ingest.connectors.provider import NotUnderstood
from talkmeter.ingest.connectors.retell import read_call
from talkmeter.ingest.connectors.verification import MICROSECONDS_PER_MILLISECOND
from talkmeter.reconcile.lists import CallList, Page, Question, Request


class _Answer(msgspec.Struct):
    items: list[msgspec.Raw]
    has_more: bool = False
    pagination_key: str | None = None


def _page(question: Question, place: str | None, size: int) -> Request:
    bounds = [instant // MICROSECONDS_PER_MILLISECOND for instant in question.window]
    body: dict[str, object] = {
        "filter_criteria": {"start_timestamp": {"type": "range", "op": "bt", "value": bounds}},
        "limit": size,
        "sort_order": "ascending",
    }
    if place is not None:
        body["pagination_key"] = place
    return Request("/v3/list-calls", msgspec.json.encode(body))


def _read_page(body: bytes, _place: str | None, _size: int) -> Page:
    answer = read_json(body, _Answer)
    if answer.has_more and not answer.pagination_key:
        raise NotUnderstood("pagination_key must be there where has_more is true.")
    return Page([*map(bytes, answer.items)], answer.pagination_key if answer.has_more else None)


def _one(_question: Question, id_: str) -> Request:
    return Request(f"/v2/get-call/{quote(id_, safe='')}")


LIST: Final = CallList(
    provider="retell",
    title="Retell",
    url="https://api.retellai.com",
    proof="bearer",
    size=100,
    page=_page,
    read_page=_read_page,
    one=_one,
    read_call=read_call,
)
