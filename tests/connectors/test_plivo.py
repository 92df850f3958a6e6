"""Plivo: what its hangup callbacks are metered as, and that proofs agree with Plivo's own verifier."""

import re
from typing import Final
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plivo.exceptions import ValidationError  # type: ignore[import-untyped]
from plivo.utils.signature_v3 import (  # type: ignore[import-untyped]
    construct_get_url,
    construct_post_url,
    get_signature_v3,
    validate_v3_signature,
)

from talkmeter.ingest.connectors.plivo import PROVIDER
from talkmeter.ingest.connectors.provider import Message, NotVerified
from talkmeter.records import Conversation, Kind
from tests.connectors.signed_samples import (
    CALLER,
    FORM,
    Vector,
    agrees,
    assert_reads_or_refuses,
    conversation,
    ignored,
    is_proved,
    messages_like,
    refusal_of,
    single_bit_changes,
    told,
    utc,
    vectors,
    with_header,
)

TOKEN: Final = "plivo_test_token"
SIGNATURE: Final = "x-plivo-signature-v3"
OF_MAIN: Final = "x-plivo-signature-ma-v3"
NONCE: Final = "x-plivo-signature-v3-nonce"
VECTORS: Final = vectors("plivo")
HANGUP: Final = VECTORS[0].message()
URL: Final = HANGUP.url
UUID: Final = "64d3290a-87a6-46b4-a6e2-20f5f4e07a02"

Fields = dict[str, list[str]]


def hangup(**fields: str) -> Message:
    """The hangup of the sample, with fields replaced; an empty one is left out."""
    known = {name: values[0] for name, values in parse_qs(HANGUP.body.decode()).items()}
    return HANGUP._replace(body=urlencode({name: text for name, text in {**known, **fields}.items() if text}).encode())


def form_of(message: Message) -> Fields:
    if message.method == "GET":
        return {}
    return parse_qs(message.body.decode("utf-8", "replace"), keep_blank_values=True)


def signature_of(message: Message, token: str = TOKEN) -> str:
    """The signature that Plivo's own code makes."""
    construct = construct_get_url if message.method == "GET" else construct_post_url
    text = construct(message.url, form_of(message)).decode()
    return str(get_signature_v3(token.encode(), text, message.headers[NONCE].encode()).decode())


def signed(message: Message, token: str = TOKEN) -> Message:
    return with_header(message, SIGNATURE, signature_of(message, token))


def plivo_proves(message: Message, token: str = TOKEN) -> bool:
    # Plivo's code refuses by an exception what is no address.
    try:
        return bool(
            validate_v3_signature(
                message.method,
                message.url,
                message.headers[NONCE],
                token,
                message.headers[SIGNATURE],
                form_of(message),
            )
        )
    except (ValidationError, UnicodeDecodeError):
        return False


def we_prove(message: Message, token: str = TOKEN) -> bool:
    return is_proved(PROVIDER, message, token)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.url)
def test_every_sample_is_proved_by_its_signature(vector: Vector) -> None:
    assert we_prove(vector.message(), vector.secret)
    assert plivo_proves(vector.message(), vector.secret)


def test_the_token_before_proves_while_it_is_changed() -> None:
    assert is_proved(PROVIDER, HANGUP, "the new token", TOKEN)
    assert not is_proved(PROVIDER, HANGUP, "the new token")


@pytest.mark.parametrize("secrets", [(), ("",)], ids=["none", "empty"])
def test_without_a_token_nothing_is_proved(secrets: tuple[str, ...]) -> None:
    assert not is_proved(PROVIDER, signed(HANGUP, ""), *secrets)


@pytest.mark.parametrize(("missing", "name"), [(SIGNATURE, "X-Plivo-Signature-V3"), (NONCE, f"X-{NONCE[2:].title()}")])
def test_a_missing_header_is_told_in_a_sentence(missing: str, name: str) -> None:
    with pytest.raises(NotVerified, match=rf"^The header {name} is missing or empty\.$"):
        PROVIDER.verify(with_header(HANGUP, missing, ""), [TOKEN])


def test_one_of_several_signatures_is_enough() -> None:
    others = f"AAAA,{HANGUP.headers[SIGNATURE]},BBBB"
    assert we_prove(with_header(HANGUP, SIGNATURE, others))
    assert not we_prove(with_header(HANGUP, SIGNATURE, "AAAA,,BBBB"))


def test_the_call_of_a_subaccount_is_proved_by_the_token_of_the_main_account() -> None:
    message = with_header(signed(HANGUP, "token of the subaccount"), OF_MAIN, signature_of(HANGUP))
    assert we_prove(message)
    assert we_prove(message, "token of the subaccount")
    assert not we_prove(message, "another token")


@pytest.mark.parametrize("url", [URL, f"{URL}?agent=ann&a=1", f"{URL}?b=2&a=1&a=0"])
@pytest.mark.parametrize("body", [b"", HANGUP.body])
def test_a_callback_by_get_or_with_an_empty_form_is_proved(url: str, body: bytes) -> None:
    for method in ("GET", "POST"):
        message = signed(HANGUP._replace(method=method, url=url, body=body))
        assert we_prove(message)
        assert plivo_proves(message)


def test_we_and_plivo_agree_on_every_change_of_a_single_bit() -> None:
    message = signed(HANGUP._replace(url=f"{URL}?agent=ann&x=1"))
    # Other bits, the same text: %3a is %3A.
    same = sum(map(str.isalpha, "".join(re.findall("%(..)", message.body.decode()))))
    assert agrees(we_prove, plivo_proves, single_bit_changes(message, (SIGNATURE, NONCE))) == same


@given(
    fields=st.dictionaries(st.text(), st.lists(st.text(), min_size=1)),
    token=st.text(min_size=1),
    other=st.text(min_size=1),
    nonce=st.text("0123456789", min_size=1),
    # Plivo's code takes other characters of an address apart byte by byte, so of those it is no oracle.
    query=st.dictionaries(st.text(st.characters(codec="ascii")), st.text(st.characters(codec="ascii")), max_size=3),
    method=st.sampled_from(("POST", "GET")),
)
def test_we_and_plivo_agree_on_any_form(
    fields: Fields, token: str, other: str, nonce: str, query: dict[str, str], method: str
) -> None:
    url = "https://meter.example.com/hooks" + (f"?{urlencode(query)}" if query else "")
    body = urlencode(fields, doseq=True).encode()
    message = signed(Message(method, url, {"content-type": FORM, NONCE: nonce}, body, 0), token)
    assert we_prove(message, token)
    assert plivo_proves(message, token)
    assert we_prove(message, other) == plivo_proves(message, other)


@given(messages_like(HANGUP, (SIGNATURE, OF_MAIN, NONCE)))
def test_no_message_breaks_the_proof_or_the_reading(message: Message) -> None:
    assert not is_proved(PROVIDER, with_header(message, SIGNATURE, "AAAA"), "another token")
    is_proved(PROVIDER, message, TOKEN)
    assert_reads_or_refuses(PROVIDER, message)


NAMES: Final = ("CallUUID", "ALegUUID", "CallStatus", "Direction", "Duration", "Event", "From", "To")
TIMES: Final = ("StartTime", "AnswerTime", "EndTime", "SessionStart")


@given(
    st.dictionaries(st.sampled_from(NAMES), st.text()),
    st.dictionaries(st.sampled_from(TIMES), st.text() | st.datetimes().map(str)),
)
def test_no_value_of_a_field_breaks_the_reading(fields: dict[str, str], times: dict[str, str]) -> None:
    assert_reads_or_refuses(PROVIDER, hangup(**fields, **times))


def test_a_form_of_too_many_fields_is_not_sorted() -> None:
    with pytest.raises(NotVerified, match="more than 1000 fields"):
        PROVIDER.verify(HANGUP._replace(body=b"&" * 1_000_000), [TOKEN])


def test_a_completed_call_is_metered_field_by_field() -> None:
    message = told(PROVIDER, HANGUP)
    assert message.kind is Kind.CONVERSATION
    assert message.id == UUID
    assert message.event_id == f"{UUID}:completed"
    assert message.time == utc(2024, 9, 26, 8, 36, 23)
    assert message.sequence == 0
    assert message.linked_ids == ()
    assert message.record == Conversation(
        channel="telephone",
        direction="outbound",
        status="completed",
        created_at=utc(2024, 9, 26, 8, 35, 18),
        duration_ms=66_000,
        modality="voice",
        agent_id=None,
        agent_number="+15005550001",
        web_widget_id=None,
    )


@pytest.mark.parametrize(
    ("theirs", "ours", "duration_ms"),
    [
        ("completed", "completed", 66_000),
        ("busy", "unanswered", None),
        ("no-answer", "unanswered", None),
        ("timeout", "unanswered", None),
        ("failed", "failed", None),
        ("cancel", "cancelled", None),
    ],
)
def test_every_status_of_plivo_has_one_of_ours(theirs: str, ours: str, duration_ms: int | None) -> None:
    fields = {} if duration_ms else {"Duration": "0", "AnswerTime": ""}
    record = conversation(told(PROVIDER, hangup(CallStatus=theirs, **fields)))
    assert (record.status, record.duration_ms) == (ours, duration_ms)


def test_a_call_that_nobody_answered_begins_when_it_was_dialled() -> None:
    message = hangup(CallStatus="no-answer", AnswerTime="", Duration="0", BillDuration="0")
    assert conversation(told(PROVIDER, message)).created_at == utc(2024, 9, 26, 8, 35, 8)


def test_the_billed_seconds_are_never_taken_for_the_real_ones() -> None:
    assert conversation(told(PROVIDER, hangup(BillDuration="3600"))).duration_ms == 66_000
    assert refusal_of(PROVIDER, hangup(Duration="")).startswith("Duration must be a whole number of seconds")


@pytest.mark.parametrize(
    ("start", "answer", "end"),
    [
        ("2024-09-26 08:35:08", "2024-09-26 08:35:18", "2024-09-26 08:36:23"),
        ("2024-09-26 14:20:08", "2024-09-26 14:20:18", "2024-09-26 14:21:23"),
        ("2024-09-25 22:35:08", "2024-09-25 22:35:18", "2024-09-25 22:36:23"),
        ("2024-09-26 22:35:13", "2024-09-26 22:35:18", "2024-09-26 22:36:23"),
    ],
    ids=["UTC", "Nepal", "ten hours behind", "fourteen hours ahead"],
)
def test_the_zone_of_the_account_is_known_by_the_start_of_the_session(start: str, answer: str, end: str) -> None:
    message = told(PROVIDER, hangup(StartTime=start, AnswerTime=answer, EndTime=end))
    assert conversation(message).created_at == utc(2024, 9, 26, 8, 35, 18)
    assert message.time == utc(2024, 9, 26, 8, 36, 23)


@pytest.mark.parametrize("fields", [{"SessionStart": ""}, {"ALegUUID": "the-first-leg"}])
def test_without_the_start_of_the_session_the_zone_is_known_by_the_arrival(fields: dict[str, str]) -> None:
    message = hangup(**fields)._replace(received_at=utc(2024, 9, 26, 8, 37, 0))
    assert conversation(told(PROVIDER, message)).created_at == utc(2024, 9, 26, 8, 35, 18)
    assert refusal_of(PROVIDER, message._replace(received_at=utc(2025, 1, 1))).startswith("StartTime and EndTime must")


def test_of_an_inbound_call_our_number_is_the_one_that_was_called() -> None:
    record = conversation(told(PROVIDER, hangup(Direction="inbound", From=f"1500{CALLER}", To="15005550001")))
    assert (record.direction, record.agent_number) == ("inbound", "+15005550001")


def test_a_second_leg_names_the_first_and_never_shows_the_callers_number() -> None:
    message = hangup(ALegUUID="the-first-leg", From=f"1500{CALLER}")._replace(received_at=utc(2024, 9, 26, 8, 37, 0))
    leg = told(PROVIDER, message)
    assert leg.id == UUID
    assert leg.linked_ids == ("plivo:the-first-leg",)
    assert conversation(leg).agent_number is None
    assert CALLER not in repr(leg)


def test_an_address_of_sip_is_not_our_number() -> None:
    assert conversation(told(PROVIDER, hangup(From="sip:agent@phone.plivo.com"))).agent_number is None


def test_the_address_of_the_connector_may_name_the_agent() -> None:
    message = signed(HANGUP._replace(url=f"{URL}?agent=ann"))
    assert we_prove(message)
    assert conversation(told(PROVIDER, message)).agent_id == "ann"
    assert not we_prove(message._replace(url=f"{URL}?agent=eve"))


def test_the_same_callback_sent_again_is_the_same_event() -> None:
    later = with_header(HANGUP, NONCE, "1")._replace(received_at=1)
    assert told(PROVIDER, later) == told(PROVIDER, HANGUP)


@pytest.mark.parametrize(
    ("message", "type_"),
    [
        (hangup(Event="StartApp", CallStatus="in-progress"), "StartApp"),
        (hangup(Event="DialHangup"), "DialHangup"),
        (hangup(Event="<b>"), "other"),
        (hangup(Event="", HangupCause=""), "request"),
    ],
)
def test_what_is_no_hangup_is_not_metered(message: Message, type_: str) -> None:
    assert ignored(PROVIDER, message) == type_


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (hangup(CallStatus="15005550006"), "CallStatus must be one of completed,"),
        (hangup(Direction="sideways"), "Direction must be one of inbound,"),
        (hangup(EndTime="yesterday"), "EndTime must be a date and time"),
        (hangup(StartTime=""), "StartTime must be a date and time"),
        (hangup(SessionStart="2024-09-27 08:35:10"), "StartTime and EndTime must be within 14 hours"),
        (hangup(Duration="66.5"), "Duration must be a whole number of seconds"),
        (hangup(CallUUID="", ALegUUID=""), "CallUUID must be 1 to 200 bytes"),
        (HANGUP._replace(body=b"hello"), "CallUUID must be 1 to 200 bytes"),
        (HANGUP._replace(body=HANGUP.body.replace(b"=completed", b"=%FF")), "CallStatus must be UTF-8"),
    ],
)
def test_what_cannot_be_counted_is_told_by_field_and_without_its_value(message: Message, field: str) -> None:
    assert refusal_of(PROVIDER, message).startswith(field)


def test_plivo_is_a_carrier() -> None:
    assert (PROVIDER.name, PROVIDER.side, PROVIDER.status) == ("plivo", "carrier", 200)


@pytest.mark.parametrize("url", [URL, f"{URL}?agent=ann"])
def test_the_message_that_tries_a_connector_is_signed_as_plivo_signs_and_is_not_metered(url: str) -> None:
    assert PROVIDER.make_test_message is not None
    message = PROVIDER.make_test_message(TOKEN, url, HANGUP.received_at)
    assert plivo_proves(message)
    assert we_prove(message)
    assert ignored(PROVIDER, message) == "talkmeter.test"
