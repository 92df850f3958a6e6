"""Twilio's list: `GET /2010-04-01/Accounts/{AccountSid}/Calls.json`, pages named by `next_page_uri`.

Facts: twilio.com/docs/voice/api/call-resource, "Read multiple Call resources", and Twilio's own library 9.13, which
sends dates with a time of day (`calls.list`) and follows `next_page_uri` (`base/page.py`).
"""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.payload import read_json
from talkmeter.ingest.connectors.twilio import read_call
from talkmeter.period import MICROSECONDS_PER_HOUR, format_instant
from talkmeter.reconcile.lists import CallList, Page, Question, Request

_ACCOUNTS: Final = "/2010-04-01/Accounts"
_SLACK: Final = MICROSECONDS_PER_HOUR
"""A call starts for Twilio when it is dialled, and here when it is answered: it may have rung in between."""


class _Answer(msgspec.Struct):
    calls: list[msgspec.Raw]
    next_page_uri: str | None = None


def _page(question: Question, place: str | None, size: int) -> Request:
    if place is not None:
        return Request(place)
    window = question.window
    query = {
        "StartTime>": _whole_seconds(window.start - _SLACK),
        "StartTime<": _whole_seconds(window.end + _SLACK),
        "PageSize": size,
    }
    return Request(f"{_ACCOUNTS}/{quote(question.account, safe='')}/Calls.json?{urlencode(query)}")


def _whole_seconds(instant: int) -> str:
    return format_instant(max(instant, 0) // MICROSECONDS_PER_SECOND * MICROSECONDS_PER_SECOND)


def _read_page(body: bytes, _place: str | None, _size: int) -> Page:
    answer = read_json(body, _Answer)
    return Page([*map(bytes, answer.calls)], answer.next_page_uri or None)


def _one(question: Question, id_: str) -> Request:
    return Request(f"{_ACCOUNTS}/{quote(question.account, safe='')}/Calls/{quote(id_, safe='')}.json")


LIST: Final = CallList(
    provider="twilio",
    title="Twilio",
    url="https://api.twilio.com",
    proof="basic",
    size=1_000,
    page=_page,
    read_page=_read_page,
    one=_one,
    read_call=read_call,
)
