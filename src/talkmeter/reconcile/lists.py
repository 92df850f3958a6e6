"""The interface of a provider's list of calls: pure functions that build requests and read responses."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from talkmeter.ingest.connectors.listed_call import ListedCall
from talkmeter.period import Window


class CallQuery(NamedTuple):
    """The calls to list: those of an account (if the provider needs to know it) in a window."""

    account: str
    window: Window


class Request(NamedTuple):
    """A request to the provider; `target` is a path with its query, or a URL from an earlier response."""

    target: str
    body: bytes | None = None

    @property
    def method(self) -> Literal["GET", "POST"]:
        """POST if there is a body, else GET."""
        return "GET" if self.body is None else "POST"


class CallPage(NamedTuple):
    """The calls of one response as the provider sends them, and the cursor of the next page; None if it is the last."""

    calls: list[bytes]
    next: str | None


class CallList(NamedTuple):
    """One provider's list of calls. It must contain all calls of the window and may contain others.

    `page_request` takes a query, a cursor (None for the first page) and the number of calls per page, by default
    `page_size`. `read_page` takes the response with the same cursor and size. `call_request` asks for one call by its
    id. `read_call` reads a call of either response. Both readers raise NotUnderstood if they cannot read their input.
    """

    provider: str
    title: str
    url: str
    auth: Literal["basic", "bearer"]
    page_size: int
    page_request: Callable[[CallQuery, str | None, int], Request]
    read_page: Callable[[bytes, str | None, int], CallPage]
    call_request: Callable[[CallQuery, str], Request]
    read_call: Callable[[bytes], ListedCall]
