"""Browser sessions: the session cookie, checked against the database at each request, so that its end acts at once.

Over https and on localhost, the cookie is `__Host-talkmeter; Secure`, which no other host can set or read. Over other
plain http, browsers drop Secure cookies, so the cookie is `talkmeter` without Secure (and `serve` prints a warning).
"""

from contextlib import suppress
from typing import Final

from litestar.datastructures import Cookie

from talkmeter import clock
from talkmeter.accounts.credentials import find_credential
from talkmeter.accounts.sessions import (
    EVERY_ORGANIZATION,
    Session,
    create_session,
    end_session,
    find_session,
    hash_secret,
    public_id,
    touch_session,
)
from talkmeter.api.auth.grant import Grant
from talkmeter.api.headers import cookie_value
from talkmeter.api.problems import AnyConnection
from talkmeter.api.service import Service
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.db.engine import Connection
from talkmeter.errors import TalkmeterError
from talkmeter.period import MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR
from talkmeter.settings import public_url_is_private

TOUCH_INTERVAL: Final = 60_000_000
"""Microseconds between updates of a session's last use: one small write per minute, not one per request."""


class Sessions:
    """Finds, starts and ends sessions."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._service = service
        self._secure = public_url_is_private(settings)
        self._max_age = settings.session_days * MICROSECONDS_PER_DAY
        self._idle = settings.session_idle_hours * MICROSECONDS_PER_HOUR
        self.cookie_name = "__Host-talkmeter" if self._secure else "talkmeter"

    async def find(self, connection: AnyConnection) -> Session | None:
        """Return the session of a request's cookie, or None if it has expired or was idle too long."""
        secret = cookie_value(connection, self.cookie_name)
        if not secret:
            return None
        secret_hash = hash_secret(secret)
        session = await self._service.look_up(lambda database: find_session(database, secret_hash))
        now = clock.now()
        if session is None or not session.usable(now, self._idle):
            return None
        # abs(): a last use in the future, from a wrong clock, would otherwise keep the session alive until then.
        if abs(now - session.used_at) > TOUCH_INTERVAL:
            await self._touch(session, now)
        return session

    async def start(self, actor: Actor, grant: Grant) -> tuple[Cookie, Session]:
        """Start a session that ends no later than its grant; return the cookie and the session."""
        credential_id = grant.credential_id if grant.stored else None
        organizations = grant.organizations or {}
        grants = None if grant.stored else {org_id: sorted(scopes) for org_id, scopes in organizations.items()}
        if grant.is_operator and not grant.stored:
            grants = {EVERY_ORGANIZATION: sorted(grant.everywhere)}
        org_ids = sorted(organizations)
        now = clock.now()
        max_expires_at = now + self._max_age
        expires_at = max_expires_at if grant.expires_at is None else min(max_expires_at, grant.expires_at)

        def change(database: Connection) -> str:
            secret = create_session(database, credential_id, grants, grant.access, now, expires_at, self._idle)
            record_audit(
                database,
                actor,
                Action.SESSION_START,
                f"session {public_id(hash_secret(secret))}",
                now,
                org_id=org_ids[0] if len(org_ids) == 1 else None,
                detail="all organizations" if grant.is_operator else ", ".join(org_ids[1:] and org_ids),
            )
            return secret

        secret = await self._service.change(change)
        session = Session(hash_secret(secret), credential_id, grants, now, now, expires_at, grant.access)
        return self._cookie(secret, (expires_at - now) // MICROSECONDS_PER_SECOND), session

    async def end(self, connection: AnyConnection) -> Cookie:
        """End the session of a request's cookie, if there is one; return the cookie that deletes it in the browser."""
        if secret := cookie_value(connection, self.cookie_name):
            secret_hash = hash_secret(secret)
            await self._service.change(lambda database: _end(database, secret_hash))
        return self._cookie("", 0)

    async def _touch(self, session: Session, now: int) -> None:
        """Update a session's last use; if the database cannot write now, the request continues without it."""
        with suppress(TalkmeterError):
            await self._service.change(lambda database: touch_session(database, session, now))

    def _cookie(self, value: str, max_age: int) -> Cookie:
        return Cookie(
            self.cookie_name, value=value, max_age=max_age, secure=self._secure, httponly=True, samesite="lax"
        )


def _end(database: Connection, secret_hash: bytes) -> None:
    """Delete a session and record that, if it exists."""
    session = find_session(database, secret_hash)
    if session is None:
        return
    end_session(database, secret_hash)
    credential = None if session.credential_id is None else find_credential(database, session.credential_id)
    org_ids = [org_id for org_id in (*(session.grants or ()), credential and credential.org_id) if org_id]
    id_ = public_id(secret_hash)
    record_audit(
        database,
        Actor("session", id_),
        Action.SESSION_END,
        f"session {id_}",
        clock.now(),
        org_id=org_ids[0] if len(org_ids) == 1 else None,
    )
