"""What a client raises: each a sentence for whoever sends."""

from talkmeter.errors import TalkmeterError


class BadEvent(TalkmeterError):
    """An event that the server would not understand, or that cannot be written down."""


class SpoolFull(TalkmeterError):
    """The spool holds all the bytes it may; nothing of the call was written."""


class SpoolUnusable(TalkmeterError):
    """The spool's file cannot be opened, read or written; nothing of the call was written."""


class WrongUse(TalkmeterError):
    """A client that is closed, that another process has made, or that was made with what cannot work."""
