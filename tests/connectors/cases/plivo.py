"""Plivo: samples, and signatures by Plivo's own code."""

import re
from typing import Final
from urllib.parse import parse_qs, urlencode

from hypothesis import strategies as st
from plivo.exceptions import ValidationError  # type: ignore[import-untyped]
from plivo.utils.signature_v3 import (  # type: ignore[import-untyped]
    construct_get_url,
    construct_post_url,
    get_signature_v3,
    validate_v3_signature,
)

from talkmeter.ingest.connectors.plivo import PROVIDER
from talkmeter.ingest.connectors.provider import Message
from tests.connectors.arbitrary import messages_like
from tests.connectors.messages import FORM, vectors, with_header
from tests.connectors.provider_case import Key, ProviderCase

TOKEN: Final = "plivo_test_token"
SIGNATURE: Final = "x-plivo-signature-v3"
MAIN_SIGNATURE: Final = "x-plivo-signature-ma-v3"
"""The signature by the token of the main account."""
NONCE: Final = "x-plivo-signature-v3-nonce"
VECTORS: Final = vectors("plivo")
HANGUP: Final = VECTORS[0].message()
URL: Final = HANGUP.url

Fields = dict[str, list[str]]


def hangup(**fields: str) -> Message:
    """Return the hangup of the sample with fields replaced; an empty one is removed."""
    known = {name: values[0] for name, values in parse_qs(HANGUP.body.decode()).items()}
    return HANGUP._replace(body=urlencode({name: text for name, text in {**known, **fields}.items() if text}).encode())


def signature_of(message: Message, token: str = TOKEN) -> str:
    """Return the signature that Plivo's own code makes."""
    construct = construct_get_url if message.method == "GET" else construct_post_url
    text = construct(message.url, _form(message)).decode()
    return str(get_signature_v3(token.encode(), text, message.headers[NONCE].encode()).decode())


def sign(message: Message, token: str = TOKEN) -> Message:
    return with_header(message, SIGNATURE, signature_of(message, token))


def official(message: Message, token: str = TOKEN) -> bool:
    """Return whether Plivo's own code verifies the message; it raises an error if the URL is not one."""
    try:
        return bool(
            validate_v3_signature(
                message.method,
                message.url,
                message.headers[NONCE],
                token,
                message.headers[SIGNATURE],
                _form(message),
            )
        )
    except (ValidationError, UnicodeDecodeError):
        return False


def _form(message: Message) -> Fields:
    if message.method == "GET":
        return {}
    return parse_qs(message.body.decode("utf-8", "replace"), keep_blank_values=True)


def _unsigned(fields: Fields, nonce: str, query: dict[str, str], method: str) -> Message:
    url = "https://meter.example.com/hooks" + (f"?{urlencode(query)}" if query else "")
    return Message(method, url, {"content-type": FORM, NONCE: nonce}, urlencode(fields, doseq=True).encode(), 0)


_BIT_MESSAGE: Final = sign(HANGUP._replace(url=f"{URL}?agent=ann&x=1"))
# %3a means %3A.
_SAME_LETTERS: Final = sum(map(str.isalpha, "".join(re.findall("%(..)", _BIT_MESSAGE.body.decode()))))
_ASCII: Final = st.text(st.characters(codec="ascii"))

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side="carrier",
    status=200,
    vectors=VECTORS,
    headers=("X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce"),
    keys=st.text(min_size=1).map(lambda token: Key(token, token)),
    unsigned=st.builds(
        _unsigned,
        fields=st.dictionaries(st.text(), st.lists(st.text(), min_size=1)),
        nonce=st.text("0123456789", min_size=1),
        # Plivo's code splits other characters of a URL byte by byte, so it cannot be compared with for those.
        query=st.dictionaries(_ASCII, _ASCII, max_size=3),
        method=st.sampled_from(("POST", "GET")),
    ),
    sign=sign,
    official=official,
    bit_message=_BIT_MESSAGE,
    harmless_bits=range(_SAME_LETTERS, _SAME_LETTERS + 1),
    arbitrary=messages_like(HANGUP, (SIGNATURE, MAIN_SIGNATURE, NONCE)),
    ignored=(
        (hangup(Event="StartApp", CallStatus="in-progress"), "StartApp"),
        (hangup(Event="DialHangup"), "DialHangup"),
        (hangup(Event="<b>"), "other"),
        (hangup(Event="", HangupCause=""), "request"),
        (hangup(Event="", HangupCause="", CallUUID="", MessageUUID="m1"), "message"),
        (hangup(Event="", HangupCause="", CallUUID="", RecordUrl="https://example.com/1.mp3"), "recording"),
    ),
    refused=(
        (hangup(EndTime="yesterday"), "EndTime must be a date and time"),
        (hangup(StartTime=""), "StartTime must be a date and time"),
        (hangup(SessionStart="2024-09-27 08:35:10"), "StartTime must be within 14 hours"),
        (hangup(Duration="66.5"), "Duration must be a whole number of seconds"),
        (hangup(CallUUID="", ALegUUID=""), "CallUUID must be 1 to 200 bytes"),
        (HANGUP._replace(body=b"hello"), "CallUUID must be 1 to 200 bytes"),
        (HANGUP._replace(body=HANGUP.body.replace(b"=completed", b"=%FF")), "CallStatus must be UTF-8"),
    ),
    call=(HANGUP.body,),
    test_urls=(URL, f"{URL}?agent=ann"),
)
