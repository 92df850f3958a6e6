"""The client library: sends events to a Talkmeter server without losing any (docs/how-to/python-client.md)."""

from talkmeter_client.activity import Activity, AsyncActivity
from talkmeter_client.asynchronous import AsyncClient
from talkmeter_client.errors import BadEvent, ClientError, SpoolFull, SpoolUnusable, WrongUse
from talkmeter_client.events import Event, conversation, event, workflow_execution
from talkmeter_client.limits import Limits
from talkmeter_client.rejected import SetAside
from talkmeter_client.responses import Quarantined
from talkmeter_client.spool import Waiting
from talkmeter_client.sync import Client

__all__ = [
    "Activity",
    "AsyncActivity",
    "AsyncClient",
    "BadEvent",
    "Client",
    "ClientError",
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
