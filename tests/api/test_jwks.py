"""Fetching and caching an identity provider's keys: timeouts, size limits and few requests."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator

import pytest

from talkmeter.api.auth import jwks
from talkmeter.api.auth.jwks import KeySource, KeysUnreadable, choose_key, usable_keys
from talkmeter.errors import Unavailable
from tests.event_loop import run_coroutine
from tests.identity_provider import KEYS, RSA_KEY, SLOW_BYTE_SEC, JwksHandler, jwks_server, public_jwk
from tests.servers import free_port


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with jwks_server() as address:
        yield address


def test_keys_are_cached_and_fetched_again_without_a_request(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> None:
        source, before = KeySource(f"{provider}/jwks.json"), JwksHandler.request_count
        for _ in range(3):
            assert await source.find("rsa-1") is not None
        assert JwksHandler.request_count - before == 1
        source.close()
        monkeypatch.setattr(jwks, "CACHE_TTL_SEC", 0.01)
        monkeypatch.setattr(jwks, "MIN_FETCH_INTERVAL_SEC", 0.0)
        monkeypatch.setattr(JwksHandler, "received", threading.Semaphore(0))
        source = KeySource(f"{provider}/jwks.json")
        assert await source.find("rsa-1") is not None
        for _ in range(3):
            await asyncio.to_thread(JwksHandler.received.acquire)
        source.close()

    run_coroutine(use())


def test_known_keys_verify_while_the_provider_does_not_answer(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "CACHE_TTL_SEC", 0.01)
    monkeypatch.setattr(jwks, "MIN_FETCH_INTERVAL_SEC", 0.0)
    monkeypatch.setattr(jwks, "TIMEOUT_SEC", 3_600.0)
    answers = threading.Event()
    answers.set()
    monkeypatch.setattr(JwksHandler, "answers", answers)

    async def use() -> None:
        source = KeySource(f"{provider}/jwks.json")
        assert await source.find("rsa-1") is not None
        answers.clear()
        monkeypatch.setattr(JwksHandler, "received", threading.Semaphore(0))
        await asyncio.to_thread(JwksHandler.received.acquire)
        assert await source.find("rsa-1") is not None
        source.close()

    run_coroutine(use())
    answers.set()


def test_keys_of_a_plain_http_address_are_fetched_without_a_proxy(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    assert run_coroutine(KeySource(f"{provider}/jwks.json").find("rsa-1")) is not None


def test_unknown_key_id_triggers_a_fetch_of_the_keys(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "MIN_FETCH_INTERVAL_SEC", 0.0)
    monkeypatch.setattr(JwksHandler, "keys", KEYS[:1])

    async def use() -> None:
        source = KeySource(f"{provider}/jwks.json")
        assert await source.find("ec-1") is None
        monkeypatch.setattr(JwksHandler, "keys", KEYS)
        assert await source.find("ec-1") is not None

    run_coroutine(use())


def test_concurrent_lookups_fetch_the_keys_once(provider: str) -> None:
    async def use() -> None:
        source = KeySource(f"{provider}/jwks.json")
        assert all(await asyncio.gather(*(source.find("rsa-1") for _ in range(20))))

    before = JwksHandler.request_count
    run_coroutine(use())
    assert JwksHandler.request_count - before == 1


def test_cached_keys_are_used_for_a_day_while_the_provider_is_down(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "MIN_FETCH_INTERVAL_SEC", 0.0)

    async def use() -> None:
        source = KeySource(f"{provider}/jwks.json")
        assert await source.find("rsa-1") is not None
        monkeypatch.setattr(JwksHandler, "body", b"<html>503</html>")
        assert await source.find("another") is None
        assert await source.find("rsa-1") is not None
        monkeypatch.setattr(jwks, "MAX_STALE_SEC", 0.0)
        with pytest.raises(Unavailable, match="cannot be fetched now"):
            await source.find("rsa-1")
        source.close()

    run_coroutine(use())


@pytest.mark.parametrize("path", ["/moved", "/slow", "/slow-head", "/large"])
def test_redirected_slow_or_large_jwks_is_rejected(provider: str, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT_SEC", 0.5)
    if path == "/large":
        monkeypatch.setattr(JwksHandler, "body", b" " * (jwks.MAX_BYTES + 1))
    whole_body_sec = len(json.dumps({"keys": KEYS})) * SLOW_BYTE_SEC
    started = time.monotonic()
    with pytest.raises(Unavailable, match="cannot be fetched now"):
        run_coroutine(KeySource(f"{provider}{path}").find("rsa-1"))
    assert time.monotonic() - started < whole_body_sec / 2


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": ["rsa"]}', b"\xff", b"<html>"])
def test_malformed_jwks_is_rejected(content: bytes) -> None:
    with pytest.raises(KeysUnreadable, match="not a JSON object"):
        usable_keys(content)


def test_private_and_symmetric_keys_are_skipped() -> None:
    private = {**public_jwk(RSA_KEY, "private"), "d": "AQAB"}
    keys = usable_keys(json.dumps({"keys": [*KEYS, private]}).encode())
    assert [key["kid"] for key in keys] == ["rsa-1", "rsa-any", "ec-1", "ed-1", "weak"]
    assert choose_key(keys, None) is None
    assert choose_key(keys[:1], None) == keys[0]
