"""Twilio: samples, and signatures by Twilio's own code."""

import re
from typing import Final
from urllib.parse import parse_qs, urlencode

from hypothesis import strategies as st
from twilio.request_validator import RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]

from talkmeter.ingest.connectors.provider import Message
from talkmeter.ingest.connectors.twilio import PROVIDER
from tests.connectors.arbitrary import messages_like
from tests.connectors.messages import FORM, vectors, with_header
from tests.connectors.provider_case import Key, ProviderCase

URL: Final = "https://meter.example.com/hooks/twilio/t_1"
TOKEN: Final = "twilio_test_token"
SIGNATURE: Final = "x-twilio-signature"
SETTINGS: Final = "x-twilio-webhooks-signature-settings"
VECTORS: Final = vectors("twilio")
COMPLETED, BUSY, TRIGGER = (vector.message() for vector in VECTORS)

Fields = dict[str, list[str]]


class Parameters(Fields):
    """A form as web frameworks pass it to Twilio's verifier."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def callback(**fields: str) -> Message:
    """Return the completed call with fields replaced; an empty one is removed."""
    known = {name: values[0] for name, values in parse_qs(COMPLETED.body.decode()).items()}
    return COMPLETED._replace(
        body=urlencode({name: text for name, text in {**known, **fields}.items() if text}).encode()
    )


def sign(message: Message, token: str = TOKEN, algorithm: str = "HMAC_SHA1") -> Message:
    """Return the message with the signature that Twilio's own code makes."""
    fields = {} if message.method == "GET" else parse_qs(message.body.decode(), keep_blank_values=True)
    signature = RequestValidator(token).compute_signature(message.url, Parameters(fields), algorithm)
    return with_header(message, SIGNATURE, signature)


def official(message: Message, token: str = TOKEN) -> bool:
    """Return whether Twilio's own code verifies the message."""
    fields = parse_qs(message.body.decode("utf-8", "replace"), keep_blank_values=True)
    settings = message.headers.get(SETTINGS, "")
    try:
        return bool(
            RequestValidator(token).validate(
                message.url, Parameters(fields), message.headers[SIGNATURE], get_signature_algorithm(settings)
            )
        )
    except ValueError:
        return False


def _unsigned(fields: Fields, port: str, query: dict[str, str]) -> Message:
    url = f"https://meter.example.com{port}/hooks" + (f"?{urlencode(query)}" if query else "")
    return Message("POST", url, {"content-type": FORM}, urlencode(fields, doseq=True).encode(), 0)


_BIT_MESSAGE: Final = sign(COMPLETED._replace(url=f"{URL}?agent=ann"))
# The scheme may be in capitals, and %2b means %2B.
_SAME_LETTERS: Final = len("https") + sum(map(str.isalpha, "".join(re.findall("%(..)", _BIT_MESSAGE.body.decode()))))

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side="carrier",
    status=204,
    vectors=VECTORS,
    headers=("X-Twilio-Signature",),
    keys=st.text(min_size=1).map(lambda token: Key(token, token)),
    unsigned=st.builds(
        _unsigned,
        fields=st.dictionaries(st.text(), st.lists(st.text(), min_size=1)),
        port=st.sampled_from(("", ":443", ":8443")),
        query=st.dictionaries(st.text(), st.text(), max_size=2),
    ),
    sign=sign,
    official=official,
    bit_message=_BIT_MESSAGE,
    harmless_bits=range(_SAME_LETTERS, _SAME_LETTERS + 1),
    arbitrary=messages_like(COMPLETED, (SIGNATURE, SETTINGS)),
    ignored=(
        (TRIGGER, "usage trigger"),
        (callback(CallStatus="", CallbackSource="", RecordingStatus="completed"), "recording"),
        (callback(CallStatus="", CallbackSource="", Timestamp="", DialCallStatus="busy"), "request"),
        (callback(CallStatus="ringing", CallbackSource="", Timestamp=""), "request"),
        (callback(CallbackSource="call-cost-events"), "call-cost-events"),
        (callback(CallbackSource="+15005550006:"), "other"),
        (callback(CallSid="", MessageSid="SM1", CallStatus=""), "message"),
        (callback(CallSid="", CallStatus="", CallbackSource="", ConferenceSid="CF1"), "conference"),
        (callback(CallStatus="", ConferenceSid="CF1", StatusCallbackEvent="participant-leave"), "conference"),
        (callback(CallSid="", CallStatus="", CallbackSource="", RoomSid="RM1"), "video room"),
        (callback(CallSid="", CallStatus="", CallbackSource="", AccountSid="AC1", Level="ERROR"), "other"),
    ),
    refused=(
        (callback(Timestamp="yesterday"), "Timestamp must be a date and time of RFC 2822"),
        (callback(Timestamp="Sun, 25 Mar 1918 09:53:19 +0000"), "Timestamp must be between"),
        (callback(Timestamp="Thu, 01 Jan 1970 00:00:10 +0000"), "Timestamp minus CallDuration must be between"),
        (callback(CallDuration="1.5"), "CallDuration must be a whole number of seconds"),
        (callback(CallDuration="99999999"), "CallDuration must be a whole number of seconds"),
        (callback(CallDuration=""), "CallDuration"),
        (callback(CallSid="", ParentCallSid="CA1"), "CallSid must be 1 to 200 bytes"),
        (callback(CallSid="CA\n"), "CallSid must be 1 to 200 bytes"),
        (COMPLETED._replace(body=COMPLETED.body.replace(b"=completed", b"=%FF")), "CallStatus must be UTF-8"),
        (COMPLETED._replace(body=b"hello"), "The message must be a status callback of a voice call"),
    ),
    call=(
        callback(CallStatus="ringing", CallDuration="", Duration="", SequenceNumber="1").body,
        callback(CallStatus="in-progress", CallDuration="", Duration="", SequenceNumber="2").body,
        COMPLETED.body,
    ),
    test_urls=(URL, "https://meter.example.com:8443/hooks/twilio/t_1", f"{URL}?agent=ann"),
)
