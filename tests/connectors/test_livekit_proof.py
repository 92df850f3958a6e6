"""LiveKit: what is proved, by the rule of its own SDK."""

import hashlib
import json
from base64 import b64encode
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.api import TokenVerifier, WebhookReceiver

from talkmeter.ingest.connectors.livekit import PROVIDER
from talkmeter.ingest.connectors.provider import Ignored, Message
from tests.connectors.hooks import NOW, SECOND, headers_flipped, message, signed_sample
from tests.connectors.signed_samples import bits_flipped, is_proved

KEY = "myapikey"
SECRET = "thiskeyistotallyunsafe_0123456789abcdef"


def signed(body: bytes, secret: str = SECRET, **claims: Any) -> Message:
    now = NOW // SECOND
    told = {"iss": KEY, "nbf": now, "exp": now + 300, "sha256": b64encode(hashlib.sha256(body).digest()).decode()}
    return message(body, {"Authorization": jwt.encode(told | claims, secret, "HS256")})


def mac_of(text: str) -> str:
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(text.encode(), SECRET.encode())
    return jwt.utils.base64url_encode(mac).decode()


def proved_by_livekit(received: Message, secret: str = SECRET) -> bool:
    """Their check asks the clock: the tokens that it is to take are such as are valid for many years."""
    try:
        body = received.body.decode()
        WebhookReceiver(TokenVerifier(KEY, secret)).receive(body, received.headers["authorization"])
    except Exception:  # noqa: BLE001  it raises whatever there is, plain Exception among it
        return False
    return True


@pytest.mark.parametrize("name", ["livekit_room_started.json", "livekit_room_finished.json"])
def test_the_captured_messages_are_proved(name: str) -> None:
    received, secret = signed_sample("livekit", name, "Authorization")
    PROVIDER.verify(received, [secret])
    assert proved_by_livekit(received, secret)
    bearer = {"authorization": "Bearer " + received.headers["authorization"]}
    PROVIDER.verify(received._replace(headers=bearer), [secret])


@given(
    st.text(st.characters(codec="utf-8"), max_size=50).map(lambda text: json.dumps({"event": text}).encode()),
    st.text(st.characters(codec="ascii"), min_size=32, max_size=40),
    st.text(st.characters(codec="ascii"), min_size=32, max_size=40),
)
def test_livekits_own_check_and_ours_agree(body: bytes, secret: str, other: str) -> None:
    received = signed(body, secret, nbf=0, exp=4_102_444_800)
    for key in (secret, other):
        assert is_proved(PROVIDER, received, key) is proved_by_livekit(received, key)


def test_no_bit_of_body_or_token_may_change() -> None:
    received, secret = signed_sample("livekit", "livekit_room_finished.json", "Authorization")
    changed = [received._replace(body=body) for body in bits_flipped(received.body)]
    changed += headers_flipped(received, "authorization")
    taken = [each.headers["authorization"] for each in changed if is_proved(PROVIDER, each, secret)]
    # The last character of a signature has two bits that stand for nothing; LiveKit's own check passes over them too.
    signature = received.headers["authorization"]
    assert all(token[:-1] == signature[:-1] for token in taken)
    assert taken == [each.headers["authorization"] for each in changed if proved_by_livekit(each, secret)]


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
def test_a_token_of_another_body_or_time_proves_nothing(claims: dict[str, Any]) -> None:
    always: dict[str, Any] = {"nbf": 0, "exp": 4_102_444_800}
    assert is_proved(PROVIDER, signed(b'{"event":"a"}', **always), SECRET)
    assert proved_by_livekit(signed(b'{"event":"a"}', **always))
    received = signed(b'{"event":"a"}', **(always | claims))
    assert not is_proved(PROVIDER, received, SECRET)
    assert not proved_by_livekit(received)


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_a_token_of_another_algorithm_proves_nothing(algorithm: str) -> None:
    body = b'{"event":"a"}'
    told = {"iss": KEY, "exp": 4_102_444_800, "sha256": b64encode(hashlib.sha256(body).digest()).decode()}
    key = None if algorithm == "none" else SECRET * 2
    token = jwt.encode(told, key, algorithm)  # type: ignore[arg-type]
    received = message(body, {"Authorization": token})
    assert not is_proved(PROVIDER, received, SECRET * 2)
    assert not proved_by_livekit(received, SECRET * 2)


def test_a_token_that_names_another_algorithm_than_it_is_signed_by_proves_nothing() -> None:
    body = b'{"event":"a"}'
    genuine = signed(body, nbf=0, exp=4_102_444_800)
    _, claims, _ = genuine.headers["authorization"].split(".")
    text = jwt.utils.base64url_encode(b'{"alg":"HS512","typ":"JWT"}').decode() + "." + claims
    received = message(body, {"Authorization": f"{text}.{mac_of(text)}"})
    assert is_proved(PROVIDER, genuine, SECRET)
    assert not is_proved(PROVIDER, received, SECRET)
    assert not proved_by_livekit(received)


def test_a_minute_after_its_end_or_before_its_beginning_is_the_most_that_is_taken() -> None:
    received = signed(b"{}")
    for seconds, taken in ((-61, False), (-60, True), (0, True), (359, True), (360, False)):
        assert is_proved(PROVIDER, received._replace(received_at=NOW + seconds * SECOND), SECRET) is taken


def test_while_the_secret_is_changed_both_prove() -> None:
    other = SECRET[::-1]
    for key in (SECRET, other):
        assert is_proved(PROVIDER, signed(b"{}", key), SECRET, other)
    assert not is_proved(PROVIDER, signed(b"{}"))


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_but_a_refusal_is_raised_for_a_token_that_is_well_signed_and_holds_anything(
    header: bytes, claims: bytes
) -> None:
    text = ".".join(jwt.utils.base64url_encode(each).decode() for each in (header, claims))
    token = f"{text}.{mac_of(text)}"
    assert not is_proved(PROVIDER, message(b"{}", {"Authorization": token}), SECRET)


def test_the_message_that_tries_a_connector_is_signed_as_livekit_signs_and_is_not_metered() -> None:
    assert PROVIDER.make_test_message is not None
    received = PROVIDER.make_test_message(SECRET, "https://meter.example.com/hooks/livekit/t_1", NOW)
    # Their own check reads tokens by PyJWT too, but asks for the API key as issuer, which a connector does not know.
    claims = jwt.decode(
        received.headers["authorization"], SECRET, ["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    assert claims["sha256"] == b64encode(hashlib.sha256(received.body).digest()).decode()
    assert claims["exp"] == NOW // SECOND + 300
    assert is_proved(PROVIDER, received, SECRET)
    assert PROVIDER.read(received) == Ignored("talkmeter.test")
