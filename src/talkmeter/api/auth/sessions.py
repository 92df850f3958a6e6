"""A browser's session: its cookie, and what is believed of it for at most 5 seconds.

Over https, and on this machine, the cookie is `__Host-talkmeter; Secure`, which no other host can set or read. On other
plain http a browser would drop a Secure cookie, so there it is `talkmeter` without Secure (and `serve` warns).
"""

from contextlib import suppress
from typing import Final

from cachetools import TTLCache
from litestar.datastructures import Cookie

from talkmeter import clock
from talkmeter.accounts.sessions import (
    Grants,
    Session,
    create_session,
    end_session,
    find_session,
    hash_secret,
    touch_session,
)
from talkmeter.api.problems import AnyConnection
from talkmeter.api.service import Service
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.db.engine import Connection
from talkmeter.errors import TalkmeterError
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from talkmeter.settings import public_url_is_private

CACHE_TTL_SEC: Final = 5
CACHE_SIZE: Final = 10_000
NOTED_EVERY: Final = 60_000_000
"""Microseconds after which a session's use is noted again: one small write a minute, not one a request."""


class Sessions:
    """The sessions of a process: find, begin and end them."""

    def __init__(self, service: Service) -> None:
        """Nothing is believed yet."""
        settings = service.settings
        self._service = service
        self._believed: TTLCache[bytes, Session | None] = TTLCache(CACHE_SIZE, CACHE_TTL_SEC, timer=clock.monotonic)
        self._secure = public_url_is_private(settings)
        self._longest = settings.session_days * MICROSECONDS_PER_DAY
        self._idle = settings.session_idle_hours * MICROSECONDS_PER_HOUR
        self.cookie_name = "__Host-talkmeter" if self._secure else "talkmeter"

    async def find(self, connection: AnyConnection) -> Session | None:
        """The session of a request's cookie, unless it has expired or was left alone too long."""
        secret = connection.cookies.get(self.cookie_name)
        if not secret:
            return None
        secret_hash = hash_secret(secret)
        try:
            session = self._believed[secret_hash]
        except KeyError:
            session = await self._service.read(lambda database: find_session(database, secret_hash))
            self._believed[secret_hash] = session
        now = clock.now()
        if session is None or not session.usable(now, self._idle):
            return None
        # Either way: a use noted while the clock was ahead would keep the session alive until the clock is there again.
        if abs(now - session.used_at) > NOTED_EVERY:
            await self._note_use(session, now)
        return session

    async def begin(
        self, credential_id: str | None, grants: Grants | None, latest_end: int | None
    ) -> tuple[Cookie, Session]:
        """Begin a session that ends at `latest_end` at the latest; return its cookie and the session."""
        now = clock.now()
        expires_at = min(now + self._longest, now + self._longest if latest_end is None else latest_end)

        def change(database: Connection) -> str:
            return create_session(database, credential_id, grants, now, expires_at, self._idle)

        secret = await self._service.change(change)
        session = Session(hash_secret(secret), credential_id, grants, now, now, expires_at)
        self._believed[session.secret_hash] = session
        return self._cookie(secret, (expires_at - now) // MICROSECONDS_PER_SECOND), session

    async def end(self, connection: AnyConnection) -> Cookie:
        """End the session of a request's cookie, if there is one; return the cookie that deletes it in the browser."""
        if secret := connection.cookies.get(self.cookie_name):
            secret_hash = hash_secret(secret)
            await self._service.change(lambda database: end_session(database, secret_hash))
            self._believed[secret_hash] = None
        return self._cookie("", 0)

    async def _note_use(self, session: Session, now: int) -> None:
        """Note a session's use; where the database takes no change now, the answer does not wait for it."""
        self._believed[session.secret_hash] = session._replace(used_at=now)
        with suppress(TalkmeterError):
            await self._service.change(lambda database: touch_session(database, session.secret_hash, now))

    def _cookie(self, value: str, max_age: int) -> Cookie:
        return Cookie(
            self.cookie_name, value=value, max_age=max_age, secure=self._secure, httponly=True, samesite="lax"
        )
