"""Fetch and cache the public keys (JWKS) of the operator's identity provider.

Keys are fetched in the background, with one deadline for the whole fetch and a size limit: every ten minutes after the
first token, and when a token has an unknown key id, but at most every 30 seconds. Known keys are used meanwhile. If the
provider does not respond, they are used for one day.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec
import structlog

from talkmeter import __version__, clock
from talkmeter.errors import Unavailable, error_text

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
        self._fetching: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> Jwk | None:
        """Return the key with an id, or the only key if the id is None. Return None if the key does not exist.

        Only a key that is not cached waits for a fetch. Raises Unavailable if no keys could be fetched.
        """
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._keep_fresh())
        key = choose_key(self._usable() or (), kid)
        if key is None:
            await self._fetch()
            usable = self._usable()
            if usable is None:
                raise Unavailable(
                    "The identity provider's keys cannot be fetched now; the server's log has the reason."
                )
            key = choose_key(usable, kid)
        return key

    def close(self) -> None:
        """Stop fetching."""
        for task in (self._refreshing, self._fetching):
            if task is not None:
                task.cancel()

    def _usable(self) -> tuple[Jwk, ...] | None:
        """Return the cached keys, or None if there are none or they are too old."""
        cached = self._cached
        return None if cached is None or clock.monotonic() - cached.fetched_at > MAX_STALE_SEC else cached.usable

    async def _keep_fresh(self) -> None:
        """Fetch the keys again before they are old, so that a key that the provider removed is not used for long."""
        while True:
            await self._fetch()
            old = self._cached is None or clock.monotonic() - self._cached.fetched_at >= CACHE_TTL_SEC
            await asyncio.sleep(MIN_FETCH_INTERVAL_SEC if old else CACHE_TTL_SEC)

    async def _fetch(self) -> None:
        """Wait for the fetch in progress, or start one unless the last one is recent."""
        if self._fetching is None or self._fetching.done():
            last = self._last_attempt_at
            if last is not None and clock.monotonic() - last < MIN_FETCH_INTERVAL_SEC:
                return
            self._last_attempt_at = clock.monotonic()
            self._fetching = asyncio.create_task(self._fetch_once())
        # If one of several requests is cancelled, the others still need the keys.
        await asyncio.shield(self._fetching)

    async def _fetch_once(self) -> None:
        """Replace the cached keys; if that fails, keep them."""
        try:
            self._cached = _CachedKeys(usable_keys(await _read(self._location)), clock.monotonic())
        except KeysUnreadable as failure:
            _log.warning("cannot fetch the identity provider's keys", reason=str(failure))


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


async def _read(location: str) -> bytes:
    """Read the JWKS from a URL or a file."""
    try:
        async with asyncio.timeout(TIMEOUT_SEC):
            content = await (_download(location) if "://" in location else asyncio.to_thread(_read_file, location))
    except TimeoutError:
        raise KeysUnreadable(f"not received from {location} within {TIMEOUT_SEC:g} seconds") from None
    except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise KeysUnreadable(f"cannot read {location} ({error_text(error)})") from None
    if len(content) > MAX_BYTES:
        raise KeysUnreadable(f"larger than {MAX_BYTES} bytes")
    return content


def _read_file(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)


async def _download(url: str) -> bytes:
    """Download a URL, up to the maximum size and a bit; redirects are errors: only the configured URL is trusted."""
    encrypted = url.startswith("https:")
    # The certificate authorities of the system, which may include the operator's own.
    authorities = await asyncio.to_thread(ssl.create_default_context) if encrypted else False
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"Talkmeter/{__version__}",
    }
    # A proxy of the environment could replace keys that are not encrypted. The caller limits the total time.
    async with (
        httpx.AsyncClient(verify=authorities, trust_env=encrypted, timeout=None) as client,  # noqa: S113
        client.stream("GET", url, headers=headers) as response,
    ):
        if not response.is_success:
            raise KeysUnreadable(f"{url} answered {response.status_code}")
        content = b""
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MAX_BYTES:
                break
        return content
