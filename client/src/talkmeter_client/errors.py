"""The exceptions of the client; each text is a sentence."""

from typing import Final

MAX_QUOTED: Final = 60


def quoted(text: str) -> str:
    """Return input as it can be shown in a sentence: quoted, at most 60 characters, printable ASCII."""
    return ascii(text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "...")


class ClientError(Exception):
    """The base class of the client's exceptions. `detail` is one sentence: what was wrong, where, what is allowed."""

    def __init__(self, detail: str) -> None:
        """Keep the sentence."""
        super().__init__(detail)
        self.detail = detail


class BadEvent(ClientError):
    """The event is invalid for any server, or cannot be encoded as JSON."""


class SpoolFull(ClientError):
    """The spool or its disk is full; none of the events was written."""


class SpoolUnusable(ClientError):
    """The spool's file cannot be opened, read or written; none of the events was written."""


class WrongUse(ClientError):
    """The client is closed, belongs to another process or event loop, or was given an invalid argument."""
