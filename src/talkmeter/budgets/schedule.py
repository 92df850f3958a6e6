"""Decides whose budgets are evaluated next. All times are in seconds of a monotonic clock."""

from collections.abc import Mapping
from typing import Final, NamedTuple

AGAIN_SEC: Final = 60.0
"""After so long, budgets that depend on time are evaluated again, and those whose evaluation failed."""
REST: Final = 9
"""After an evaluation, the organization rests for so many times as long as it took."""


class Version(NamedTuple):
    """What the reached thresholds of an organization depend on."""

    revision: str
    plans_revision: str
    day: int


class _Evaluated(NamedTuple):
    version: Version | None
    rests_until: float
    again_at: float | None


class Schedule:
    """The organizations with budgets: what was evaluated of them, and since when they wait."""

    def __init__(self) -> None:
        """Start with nothing evaluated."""
        self._evaluated: dict[str, _Evaluated] = {}
        self._waiting: dict[str, float] = {}
        self._versions: dict[str, Version] = {}

    def update(self, versions: Mapping[str, Version], now: float) -> None:
        """Take the present versions of all organizations with budgets."""
        self._versions = dict(versions)
        self._evaluated = {org_id: one for org_id, one in self._evaluated.items() if org_id in versions}
        waiting = (org_id for org_id in versions if self._has_changed(org_id, now))
        self._waiting = {org_id: self._waiting.get(org_id, now) for org_id in waiting}

    def _has_changed(self, org_id: str, now: float) -> bool:
        evaluated = self._evaluated.get(org_id)
        if evaluated is None or (evaluated.again_at is not None and evaluated.again_at <= now):
            return True
        return evaluated.version is not None and evaluated.version != self._versions[org_id]

    def due(self, now: float) -> list[str]:
        """Return the organizations to evaluate, the one that has waited longest first."""
        return [
            org_id
            for org_id in sorted(self._waiting, key=self._waiting.__getitem__)
            if (evaluated := self._evaluated.get(org_id)) is None or evaluated.rests_until <= now
        ]

    def done(self, org_id: str, started: float, ended: float, *, again: bool) -> None:
        """Note that an organization was evaluated; `again`: its budgets depend on time."""
        version = self._versions[org_id]
        again_at = ended + AGAIN_SEC if again else None
        self._evaluated[org_id] = _Evaluated(version, _rest(started, ended), again_at)
        del self._waiting[org_id]

    def failed(self, org_id: str, started: float, ended: float) -> None:
        """Note that an evaluation failed. It is repeated later; a change does not make it earlier."""
        self._evaluated[org_id] = _Evaluated(None, _rest(started, ended), ended + AGAIN_SEC)
        del self._waiting[org_id]

    def delay(self, now: float) -> float:
        """Return how long the organization that waits longest has waited; 0 if none waits."""
        return now - min(self._waiting.values(), default=now)


def _rest(started: float, ended: float) -> float:
    return ended + REST * (ended - started)
