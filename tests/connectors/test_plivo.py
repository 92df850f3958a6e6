"""Plivo: how its hangup callbacks are metered, and what is particular about its signatures.

What all providers have in common is tested in test_provider_contract.py.
"""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.connectors.plivo import PROVIDER
from talkmeter.ingest.connectors.provider import Message, NotVerified
from talkmeter.records import Conversation, Kind
from tests.connectors.arbitrary import assert_reads_or_refuses
from tests.connectors.cases.plivo import (
    HANGUP,
    MAIN_SIGNATURE,
    NONCE,
    SIGNATURE,
    TOKEN,
    URL,
    hangup,
    official,
    sign,
    signature_of,
)
from tests.connectors.messages import (
    CALLER,
    conversation_of,
    is_verified,
    record_update,
    refusal,
    utc,
    with_header,
)

UUID: Final = "64d3290a-87a6-46b4-a6e2-20f5f4e07a02"
FIELDS: Final = ("CallUUID", "ALegUUID", "CallStatus", "Direction", "Duration", "Event", "From", "To")
TIMES: Final = ("StartTime", "AnswerTime", "EndTime", "SessionStart")


def verified(message: Message, token: str = TOKEN) -> bool:
    return is_verified(PROVIDER, message, token)


def test_one_of_several_signatures_is_enough() -> None:
    others = f"AAAA,{HANGUP.headers[SIGNATURE]},BBBB"
    assert verified(with_header(HANGUP, SIGNATURE, others))
    assert not verified(with_header(HANGUP, SIGNATURE, "AAAA,,BBBB"))


def test_token_of_the_main_account_verifies_calls_of_a_subaccount() -> None:
    message = with_header(sign(HANGUP, "token of the subaccount"), MAIN_SIGNATURE, signature_of(HANGUP))
    assert verified(message)
    assert verified(message, "token of the subaccount")
    assert not verified(message, "another token")


@pytest.mark.parametrize("url", [URL, f"{URL}?agent=ann&a=1", f"{URL}?b=2&a=1&a=0"])
@pytest.mark.parametrize("body", [b"", HANGUP.body])
def test_get_callback_and_empty_form_are_verified(url: str, body: bytes) -> None:
    for method in ("GET", "POST"):
        message = sign(HANGUP._replace(method=method, url=url, body=body))
        assert verified(message)
        assert official(message)


def test_form_with_too_many_fields_is_rejected_before_sorting() -> None:
    with pytest.raises(NotVerified, match="more than 1000 fields"):
        PROVIDER.verify(HANGUP._replace(body=b"&" * 1_000_000), [TOKEN])


@given(
    st.dictionaries(st.sampled_from(FIELDS), st.text()),
    st.dictionaries(st.sampled_from(TIMES), st.text() | st.datetimes().map(str)),
)
def test_no_value_of_a_field_breaks_reading(fields: dict[str, str], times: dict[str, str]) -> None:
    assert_reads_or_refuses(PROVIDER, hangup(**fields, **times))


def test_completed_call_field_by_field() -> None:
    update = record_update(PROVIDER, HANGUP)
    assert update.kind is Kind.CONVERSATION
    assert update.id == UUID
    assert update.event_id == f"{UUID}:completed"
    assert update.time == utc(2024, 9, 26, 8, 36, 23)
    assert update.sequence == 0
    assert update.linked_ids == ()
    assert update.record == Conversation(
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
    ("call_status", "status", "duration_ms"),
    [
        ("completed", "completed", 66_000),
        ("busy", "unanswered", None),
        ("no-answer", "unanswered", None),
        ("timeout", "unanswered", None),
        ("failed", "failed", None),
        ("cancel", "cancelled", None),
    ],
)
def test_every_call_status_maps_to_a_status(call_status: str, status: str, duration_ms: int | None) -> None:
    fields = {} if duration_ms else {"Duration": "0", "AnswerTime": ""}
    record = conversation_of(PROVIDER, hangup(CallStatus=call_status, **fields))
    assert (record.status, record.duration_ms) == (status, duration_ms)


def test_unanswered_call_begins_when_it_was_dialled() -> None:
    message = hangup(CallStatus="no-answer", AnswerTime="", Duration="0", BillDuration="0")
    assert conversation_of(PROVIDER, message).created_at == utc(2024, 9, 26, 8, 35, 8)


def test_duration_is_never_the_billed_duration() -> None:
    assert conversation_of(PROVIDER, hangup(BillDuration="3600")).duration_ms == 66_000
    assert refusal(PROVIDER, hangup(Duration="")).startswith("Duration must be a whole number of seconds")


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
def test_time_zone_of_the_account_is_found_by_the_session_start(start: str, answer: str, end: str) -> None:
    message = hangup(StartTime=start, AnswerTime=answer, EndTime=end)
    assert conversation_of(PROVIDER, message).created_at == utc(2024, 9, 26, 8, 35, 18)
    assert record_update(PROVIDER, message).time == utc(2024, 9, 26, 8, 36, 23)


def test_times_without_a_session_start_are_read_as_utc() -> None:
    message = hangup(SessionStart="", StartTime="2024-09-26 14:05:08", AnswerTime="2024-09-26 14:05:18")
    assert conversation_of(PROVIDER, message).created_at == utc(2024, 9, 26, 14, 5, 18)
    assert record_update(PROVIDER, message).assumed == ("time zone",)


@pytest.mark.parametrize("minutes", [0, 1, 14])
def test_time_zone_of_a_second_leg_is_found_by_the_session_start(minutes: int) -> None:
    message = hangup(
        ALegUUID="the-first-leg",
        SessionStart="2024-09-26 08:00:00.123",
        StartTime=f"2024-09-26 13:{30 + minutes}:00",
        AnswerTime=f"2024-09-26 13:{30 + minutes}:05",
    )
    assert conversation_of(PROVIDER, message).created_at == utc(2024, 9, 26, 8, minutes, 5)


def test_agent_number_of_an_inbound_call_is_the_called_number() -> None:
    record = conversation_of(PROVIDER, hangup(Direction="inbound", From=f"1500{CALLER}", To="15005550001"))
    assert (record.direction, record.agent_number) == ("inbound", "+15005550001")


def test_second_leg_links_to_the_first_and_hides_the_callers_number() -> None:
    leg = hangup(ALegUUID="the-first-leg", From=f"1500{CALLER}")._replace(received_at=utc(2024, 9, 26, 8, 37, 0))
    update = record_update(PROVIDER, leg)
    assert update.id == UUID
    assert update.linked_ids == ("plivo:the-first-leg",)
    assert conversation_of(PROVIDER, leg).agent_number is None
    assert CALLER not in repr(update)


def test_sip_address_gives_no_agent_number() -> None:
    assert conversation_of(PROVIDER, hangup(From="sip:agent@phone.plivo.com")).agent_number is None


def test_query_of_the_connectors_url_may_name_the_agent() -> None:
    message = sign(HANGUP._replace(url=f"{URL}?agent=ann"))
    assert verified(message)
    assert conversation_of(PROVIDER, message).agent_id == "ann"
    assert not verified(message._replace(url=f"{URL}?agent=eve"))


def test_retry_with_another_nonce_is_the_same_event() -> None:
    retry = with_header(HANGUP, NONCE, "1")._replace(received_at=1)
    assert record_update(PROVIDER, retry) == record_update(PROVIDER, HANGUP)
