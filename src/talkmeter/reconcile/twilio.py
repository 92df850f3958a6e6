"""Twilio's list: `GET /2010-04-01/Accounts/{AccountSid}/Calls.json`, with `next_page_uri` as the cursor.

Sources: twilio.com/docs/voice/api/call-resource, "Read multiple Call resources", and Twilio's own library 9.13, which
sends dates with a time of day (`calls.list`) and follows `next_page_uri` (`base/page.py`).
"""

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.payload import read_json
from talkmeter.ingest.connectors.twilio import read_call
from talkmeter.period import MICROSECONDS_PER_HOUR, format_instant
from talkmeter.reconcile.lists import CallList, CallPage, CallQuery, Request

_ACCOUNTS: Final = "/2010-04-01/Accounts"
_MARGIN: Final = MICROSECONDS_PER_HOUR
"""Added to both ends of the window: Twilio's start is the dialing, ours the answer, so they differ by the ringing."""


class _TwilioPage(msgspec.Struct):
    calls: list[msgspec.Raw]
    next_page_uri: str | None = None


def _page_request(query: CallQuery, cursor: str | None, size: int) -> Request:
    if cursor is not None:
        return Request(cursor)
    parameters = {
        "StartTime>": _whole_seconds(query.window.start - _MARGIN),
        "StartTime<": _whole_seconds(query.window.end + _MARGIN),
        "PageSize": size,
    }
    return Request(f"{_ACCOUNTS}/{quote(query.account, safe='')}/Calls.json?{urlencode(parameters)}")


def _whole_seconds(instant: int) -> str:
    return format_instant(max(instant, 0) // MICROSECONDS_PER_SECOND * MICROSECONDS_PER_SECOND)


def _read_page(body: bytes, _cursor: str | None, _size: int) -> CallPage:
    page = read_json(body, _TwilioPage)
    return CallPage([*map(bytes, page.calls)], page.next_page_uri or None)


def _call_request(query: CallQuery, id_: str) -> Request:
    return Request(f"{_ACCOUNTS}/{quote(query.account, safe='')}/Calls/{quote(id_, safe='')}.json")


LIST: Final = CallList(
    provider="twilio",
    title="Twilio",
    url="https://api.twilio.com",
    auth="basic",
    page_size=1_000,
    page_request=_page_request,
    read_page=_read_page,
    call_request=_call_request,
    read_call=read_call,
)
