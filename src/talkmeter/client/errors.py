"""The exceptions of the client; each text is a sentence."""

from talkmeter.errors import TalkmeterError


class BadEvent(TalkmeterError):
    """The event is invalid for any server, or cannot be encoded as JSON."""


class SpoolFull(TalkmeterError):
    """The spool is full; none of the events was written."""


class SpoolUnusable(TalkmeterError):
    """The spool's file cannot be opened, read or written; none of the events was written."""


class WrongUse(TalkmeterError):
    """The client is closed, belongs to another process, or was given an invalid argument."""
