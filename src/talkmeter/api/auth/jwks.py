"""Fetch and cache the public keys (JWKS) of the operator's identity provider.

Keys are fetched in a thread, with a timeout and a size limit: when the cached keys are ten minutes old, or a token has
an unknown key id, but at most every 30 seconds. If the provider does not respond, cached keys are used for one day.
"""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from talkmeter import __version__, clock
from talkmeter.errors import Unavailable

CACHE_TTL_SEC: Final = 600.0
MAX_STALE_SEC: Final = 86_400.0
MIN_FETCH_INTERVAL_SEC: Final = 30.0
TIMEOUT_SEC: Final = 5.0
MAX_BYTES: Final = 262_144
MAX_KEYS: Final = 100
ASYMMETRIC_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})

Jwk = Mapping[str, Any]
_log = structlog.get_logger()


class _Jwks(msgspec.Struct):
    keys: list[dict[str, Any]]


class _CachedKeys(NamedTuple):
    """Usable keys, and the monotonic time of their fetch."""

    usable: tuple[Jwk, ...]
    fetched_at: float


class KeysUnreadable(Exception):
    """Raised if the keys cannot be read; the message is the reason for the log."""


class KeySource:
    """A cache of the keys at a URL or in a file. Used in the event loop only."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._cached: _CachedKeys | None = None
        self._last_attempt_at: float | None = None
        self._fetching = asyncio.Lock()

    async def find(self, kid: str | None) -> Jwk | None:
        """Return the key with an id, or the only key if the id is None. Return None if the key does not exist.

        Raises Unavailable if no keys could be fetched.
        """
        cached = await self._current()
        key = choose_key(cached.usable, kid)
        if key is None and self._may_fetch():
            key = choose_key((await self._refresh(cached)).usable, kid)
        return key

    async def _current(self) -> _CachedKeys:
        cached = self._cached
        if cached is not None and (clock.monotonic() - cached.fetched_at < CACHE_TTL_SEC or not self._may_fetch()):
            return self._check_age(cached)
        return await self._refresh(cached)

    async def _refresh(self, seen: _CachedKeys | None) -> _CachedKeys:
        """Fetch the keys, unless another request has replaced the seen ones; if that fails, keep the cached ones."""
        async with self._fetching:
            if self._cached is not seen or not self._may_fetch():
                return self._check_age(self._cached)
            self._last_attempt_at = clock.monotonic()
            try:
                content = await asyncio.to_thread(_read, self._location)
                self._cached = _CachedKeys(usable_keys(content), clock.monotonic())
            except KeysUnreadable as failure:
                _log.warning("cannot fetch the identity provider's keys", reason=str(failure))
            return self._check_age(self._cached)

    def _may_fetch(self) -> bool:
        return self._last_attempt_at is None or clock.monotonic() - self._last_attempt_at >= MIN_FETCH_INTERVAL_SEC

    def _check_age(self, cached: _CachedKeys | None) -> _CachedKeys:
        if cached is None or clock.monotonic() - cached.fetched_at > MAX_STALE_SEC:
            raise Unavailable("The identity provider's keys cannot be fetched now; the server's log has the reason.")
        return cached


def usable_keys(content: bytes) -> tuple[Jwk, ...]:
    """Return the public signature keys of a JWKS; symmetric and private keys are skipped."""
    try:
        keys = msgspec.json.decode(content, type=_Jwks).keys
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise KeysUnreadable("not a JSON object with a list of keys") from None
    if len(keys) > MAX_KEYS:
        raise KeysUnreadable(f"more than {MAX_KEYS} keys")
    return tuple(
        key
        for key in keys
        if key.get("kty") in ASYMMETRIC_KEY_TYPES and "d" not in key and key.get("use", "sig") == "sig"
    )


def choose_key(keys: tuple[Jwk, ...], kid: str | None) -> Jwk | None:
    """Return the key with an id, or the only key if the id is None."""
    if kid is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.get("kid") == kid), None)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Rejects redirects: keys are only read from the configured URL."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """Return None, so that the redirect is an error."""


_http = urllib.request.build_opener(_NoRedirects())


def _read(location: str) -> bytes:
    """Read the JWKS from a URL or a file."""
    try:
        if "://" not in location:
            with Path(location).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        else:
            content = _download(location)
    except OSError as error:
        raise KeysUnreadable(f"cannot read {location} ({getattr(error, 'reason', None) or error})") from None
    if len(content) > MAX_BYTES:
        raise KeysUnreadable(f"larger than {MAX_BYTES} bytes")
    return content


def _download(url: str) -> bytes:
    """Download a URL, with a limit on its size and on the total time, not only on the time of each read."""
    deadline = clock.monotonic() + TIMEOUT_SEC
    headers = {"Accept": "application/json", "User-Agent": f"Talkmeter/{__version__}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  settings allow https, and http on loopback
    content = b""
    with _http.open(request, timeout=TIMEOUT_SEC) as response:
        while len(content) <= MAX_BYTES and (chunk := response.read1(65_536)):
            content += chunk
            if clock.monotonic() > deadline:
                raise KeysUnreadable(f"not received within {TIMEOUT_SEC:g} seconds")
    return content
