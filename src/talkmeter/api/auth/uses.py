"""Record the day on which a key or token was last used, after the request, at most once a day per process."""

from concurrent.futures import Future
from functools import partial
from typing import Final

import structlog

from talkmeter import clock
from talkmeter.accounts.credential_uses import record_use
from talkmeter.api.service import Service
from talkmeter.errors import error_text
from talkmeter.period import day_of

RETRY_SEC: Final = 60
_log = structlog.get_logger()


class CredentialUses:
    """The credentials whose use on the current day this process has recorded. `note` runs in the event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._day = 0
        self._recorded: set[str] = set()
        self._paused_until = 0.0

    def note(self, credential_id: str) -> None:
        """Record a use on the current day in another thread, unless it is recorded already."""
        day = day_of(clock.now())
        if day != self._day:
            self._day, self._recorded = day, set()
        if credential_id in self._recorded or clock.monotonic() < self._paused_until:
            return
        self._recorded.add(credential_id)
        written = self._service.change_later(lambda connection: record_use(connection, credential_id, day))
        written.add_done_callback(partial(self._end, credential_id))

    def _end(self, credential_id: str, written: Future[None]) -> None:
        """Try again later if the use could not be recorded, such as while the disk is full."""
        if (error := written.exception()) is not None:
            self._paused_until = clock.monotonic() + RETRY_SEC
            self._recorded.discard(credential_id)
            _log.warning("use of a credential not recorded", detail=error_text(error))
