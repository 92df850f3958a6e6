"""The public keys of an operator's identity provider (JWKS): fetched in a thread, bounded in time and size, kept.

They are fetched anew every ten minutes, and when a token names a key that is not among them, though at most every half
minute, however many such tokens arrive. While the provider does not answer, the keys at hand are used for a day.
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

FRESH_SEC: Final = 600.0
MAX_USED_SEC: Final = 86_400.0
FETCHED_EVERY_SEC: Final = 30.0
TIMEOUT_SEC: Final = 5.0
MAX_BYTES: Final = 262_144
MAX_KEYS: Final = 100
ASYMMETRIC_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})

Jwk = Mapping[str, Any]
_log = structlog.get_logger()


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class Keys(NamedTuple):
    """Usable keys, and when they were fetched, on the monotonic clock."""

    usable: tuple[Jwk, ...]
    fetched_at: float


class KeysUnreadable(Exception):
    """Why the keys could not be had, as the end of a sentence."""


class KeySource:
    """Where the keys come from; belongs to the event loop."""

    def __init__(self, place: str) -> None:
        """Nothing is fetched before the first token."""
        self._place = place
        self._keys: Keys | None = None
        self._tried_at: float | None = None
        self._fetching = asyncio.Lock()

    async def find(self, kid: str | None) -> Jwk | None:
        """The key that a token names; of a token that names none, the only key there is. None: there is no such key.

        Unavailable where no keys could be fetched.
        """
        keys = await self._current()
        key = choose_key(keys.usable, kid)
        if key is None and self._may_fetch():
            key = choose_key((await self._fetch_again(keys)).usable, kid)
        return key

    async def _current(self) -> Keys:
        keys = self._keys
        if keys is not None and (clock.monotonic() - keys.fetched_at < FRESH_SEC or not self._may_fetch()):
            return self._unless_too_old(keys)
        return await self._fetch_again(keys)

    async def _fetch_again(self, known: Keys | None) -> Keys:
        """Fetch, unless another request has done so meanwhile; what is known serves where that fails."""
        async with self._fetching:
            if self._keys is not known or not self._may_fetch():
                return self._unless_too_old(self._keys)
            self._tried_at = clock.monotonic()
            try:
                content = await asyncio.to_thread(_read, self._place)
                self._keys = Keys(usable_keys(content), clock.monotonic())
            except KeysUnreadable as failure:
                _log.warning("the identity provider's keys could not be fetched", reason=str(failure))
            return self._unless_too_old(self._keys)

    def _may_fetch(self) -> bool:
        return self._tried_at is None or clock.monotonic() - self._tried_at >= FETCHED_EVERY_SEC

    def _unless_too_old(self, keys: Keys | None) -> Keys:
        if keys is None or clock.monotonic() - keys.fetched_at > MAX_USED_SEC:
            raise Unavailable("The identity provider's keys cannot be fetched now; the reason is in the server's log.")
        return keys


def usable_keys(content: bytes) -> tuple[Jwk, ...]:
    """The public signature keys of a key set; secret and private keys in it are left out."""
    try:
        keys = msgspec.json.decode(content, type=_KeySet).keys
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise KeysUnreadable("it is no JSON object with a list of keys") from None
    if len(keys) > MAX_KEYS:
        raise KeysUnreadable(f"it holds more than {MAX_KEYS} keys")
    return tuple(
        key
        for key in keys
        if key.get("kty") in ASYMMETRIC_KEY_TYPES and "d" not in key and key.get("use", "sig") == "sig"
    )


def choose_key(keys: tuple[Jwk, ...], kid: str | None) -> Jwk | None:
    """The key of an id; without an id, the only one."""
    if kid is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.get("kid") == kid), None)


class _SamePlace(urllib.request.HTTPRedirectHandler):
    """Keys come from the address that the operator wrote down, and from no other."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """Follow no redirect."""


_http = urllib.request.build_opener(_SamePlace())


def _read(place: str) -> bytes:
    """The key set's bytes, from an address or a file."""
    try:
        if "://" not in place:
            with Path(place).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        else:
            content = _download(place)
    except OSError as error:
        raise KeysUnreadable(f"{place} cannot be read ({getattr(error, 'reason', None) or error})") from None
    if len(content) > MAX_BYTES:
        raise KeysUnreadable(f"it is larger than {MAX_BYTES} bytes")
    return content


def _download(address: str) -> bytes:
    """The answer of an address; its length and the time for all of it are bounded, not only the time for each piece."""
    ends_at = clock.monotonic() + TIMEOUT_SEC
    headers = {"Accept": "application/json", "User-Agent": f"Talkmeter/{__version__}"}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310  settings allow https, and http on loopback
    content = b""
    with _http.open(request, timeout=TIMEOUT_SEC) as response:
        while len(content) <= MAX_BYTES and (piece := response.read1(65_536)):
            content += piece
            if clock.monotonic() > ends_at:
                raise KeysUnreadable(f"it did not arrive within {TIMEOUT_SEC:g} seconds")
    return content
