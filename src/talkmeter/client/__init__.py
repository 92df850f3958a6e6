"""The client library: sends events to a Talkmeter server without losing any (docs/how-to/python-client.md).

Importing it loads httpx, msgspec and the standard library, but nothing of the server.
"""

from talkmeter.client.asynchronous import AsyncClient
from talkmeter.client.errors import BadEvent, SpoolFull, SpoolUnusable, WrongUse
from talkmeter.client.events import Event, conversation, event, workflow_execution
from talkmeter.client.limits import Limits
from talkmeter.client.rejected import SetAside
from talkmeter.client.responses import Quarantined
from talkmeter.client.spool import Waiting
from talkmeter.client.sync import Client

__all__ = [
    "AsyncClient",
    "BadEvent",
    "Client",
    "Event",
    "Limits",
    "Quarantined",
    "SetAside",
    "SpoolFull",
    "SpoolUnusable",
    "Waiting",
    "WrongUse",
    "conversation",
    "event",
    "workflow_execution",
]
