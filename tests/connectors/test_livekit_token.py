"""LiveKit: the claims and the algorithm of its tokens.

What all providers have in common is tested in test_provider_contract.py.
"""

import hashlib
from base64 import b64encode
from typing import Any, Final

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.connectors.livekit import PROVIDER
from talkmeter.ingest.connectors.provider import Message
from tests.connectors.cases.livekit import API_KEY, LONG_LIVED, SECRET, TOKEN, VECTORS, official, signed
from tests.connectors.messages import NOW, SECOND, Vector, flipped_header_bits, is_verified, message, with_header

BODY: Final = b'{"event":"a"}'


def verified(received: Message, secret: str = SECRET) -> bool:
    return is_verified(PROVIDER, received, secret)


def mac_of(text: str) -> str:
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(text.encode(), SECRET.encode())
    return jwt.utils.base64url_encode(mac).decode()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.sample)
def test_token_may_follow_the_word_bearer(vector: Vector) -> None:
    received = vector.message()
    assert verified(with_header(received, TOKEN, f"Bearer {received.headers[TOKEN]}"), vector.secret)


def test_accepted_changes_of_the_token_are_in_its_last_character() -> None:
    """Two bits of this character are unused. LiveKit's own code ignores them too."""
    received = VECTORS[1].message()
    token = received.headers[TOKEN]
    changed = list(flipped_header_bits(received, TOKEN))
    accepted = [each.headers[TOKEN] for each in changed if verified(each, VECTORS[1].secret)]
    assert all(each[:-1] == token[:-1] for each in accepted)
    assert accepted == [each.headers[TOKEN] for each in changed if official(each, VECTORS[1].secret)]


@pytest.mark.parametrize(
    "claims",
    [
        {"sha256": ""},
        {"sha256": b64encode(bytes(32)).decode()},
        {"sha256": None},
        {"exp": None},
        {"exp": 1_700_000_000},
        {"nbf": 4_000_000_000, "exp": 4_102_444_800},
        {"iat": 4_000_000_000, "exp": 4_102_444_800},
    ],
)
def test_token_for_another_body_or_time_is_rejected(claims: dict[str, Any]) -> None:
    assert verified(signed(BODY, **LONG_LIVED))
    assert official(signed(BODY, **LONG_LIVED))
    received = signed(BODY, **(LONG_LIVED | claims))
    assert not verified(received)
    assert not official(received)


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_token_with_another_algorithm_is_rejected(algorithm: str) -> None:
    claims = {"iss": API_KEY, "exp": 4_102_444_800, "sha256": b64encode(hashlib.sha256(BODY).digest()).decode()}
    key = None if algorithm == "none" else SECRET * 2
    token = jwt.encode(claims, key, algorithm)  # type: ignore[arg-type]
    received = message(BODY, {TOKEN: token})
    assert not verified(received, SECRET * 2)
    assert not official(received, SECRET * 2)


def test_token_that_names_another_algorithm_than_it_uses_is_rejected() -> None:
    genuine = signed(BODY, **LONG_LIVED)
    _, claims, _ = genuine.headers[TOKEN].split(".")
    text = jwt.utils.base64url_encode(b'{"alg":"HS512","typ":"JWT"}').decode() + "." + claims
    received = message(BODY, {TOKEN: f"{text}.{mac_of(text)}"})
    assert verified(genuine)
    assert not verified(received)
    assert not official(received)


def test_token_is_accepted_up_to_a_minute_before_and_after_it_is_valid() -> None:
    received = signed(b"{}")
    for seconds, accepted in ((-61, False), (-60, True), (0, True), (359, True), (360, False)):
        assert verified(received._replace(received_at=NOW + seconds * SECOND)) is accepted


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_signed_token_with_arbitrary_content_raises_only_not_verified(header: bytes, claims: bytes) -> None:
    text = ".".join(jwt.utils.base64url_encode(part).decode() for part in (header, claims))
    assert not verified(message(b"{}", {TOKEN: f"{text}.{mac_of(text)}"}))


def test_token_of_connectors_test_has_the_claims_of_livekit() -> None:
    assert PROVIDER.make_test_message is not None
    received = PROVIDER.make_test_message(SECRET, "https://meter.example.com/hooks/livekit/t_1", NOW)
    # LiveKit's own code decodes tokens with PyJWT too. It also checks the issuer, the API key, which a connector does
    # not know.
    claims = jwt.decode(received.headers[TOKEN], SECRET, ["HS256"], options={"verify_exp": False, "verify_nbf": False})
    assert claims["sha256"] == b64encode(hashlib.sha256(received.body).digest()).decode()
    assert claims["exp"] == NOW // SECOND + 300
