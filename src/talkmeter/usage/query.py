"""A query: which organization, which window and options, and at which time. Its answer depends on nothing else."""

from typing import Protocol

from sqlalchemy import Connection

from talkmeter.period import Present
from talkmeter.usage.revision import Revision


class Query(Protocol):
    """A query whose answer the API caches."""

    @property
    def org_id(self) -> str:
        """The organization."""

    @property
    def present(self) -> Present:
        """The time of the query."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer depends on besides the organization's revision; equal for equal answers."""

    def read(self, connection: Connection, revision: Revision) -> object:
        """Return the answer; the revision must be read in the connection's snapshot."""
