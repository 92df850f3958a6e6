"""What a stack's list of calls is to us: pure functions from a question to a request, and from an answer to calls."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from talkmeter.ingest.connectors.listed_call import ListedCall
from talkmeter.period import Window


class Question(NamedTuple):
    """Whose calls are asked for (the stack's account, where it wants to know), and of which window."""

    account: str
    window: Window


class Request(NamedTuple):
    """What is sent to the stack; `target` is a path with its query, or an address that an answer named."""

    target: str
    body: bytes | None = None

    @property
    def method(self) -> Literal["GET", "POST"]:
        """With a body POST, else GET."""
        return "GET" if self.body is None else "POST"


class Page(NamedTuple):
    """The calls of one answer as the stack writes them, and the place of the next page; None after the last."""

    calls: list[bytes]
    next: str | None


class CallList(NamedTuple):
    """One stack's list. It may hold calls outside of the window, but of those in it all that began there.

    `size` is how many calls a page asks for. `page` takes a question, the place (None: the first page) and the size;
    `read_page` the answer, with the same place and size. `one` asks for a single call. `read_call`
    reads a call of either. Both readers raise NotUnderstood where what they read is none of the stack's.
    """

    provider: str
    title: str
    url: str
    proof: Literal["basic", "bearer"]
    size: int
    page: Callable[[Question, str | None, int], Request]
    read_page: Callable[[bytes, str | None, int], Page]
    one: Callable[[Question, str], Request]
    read_call: Callable[[bytes], ListedCall]
