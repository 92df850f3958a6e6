"""What holds for every provider of connectors: signatures, unreadable messages, and the records they make."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    PartialRecordUpdate,
    Provider,
    RecordUpdate,
)
from talkmeter.ingest.connectors.registry import PROVIDERS
from talkmeter.ledger.batch import Rejection
from talkmeter.records import Record
from tests.connectors.all_cases import CASES, all_cases
from tests.connectors.arbitrary import assert_reads_or_refuses
from tests.connectors.messages import (
    CALLER,
    NOW,
    SECOND,
    Vector,
    flipped_bits,
    ignored_type,
    is_verified,
    refusal,
    with_header,
    without_header,
)
from tests.connectors.provider_case import Key, ProviderCase

ARRIVALS: Final = st.integers(0, 4_102_444_800_000_000) | st.integers(NOW, NOW + 5 * 3_600 * SECOND)
VECTORS: Final = [(case, vector) for case in CASES.values() for vector in case.vectors]


def verified(case: ProviderCase, message: Message, *secrets: str) -> bool:
    return is_verified(case.provider, message, *secrets)


def officially_verified(case: ProviderCase, message: Message, secret: str) -> bool:
    assert case.official is not None
    return case.official(message, secret)


def test_every_provider_has_a_case() -> None:
    assert CASES.keys() == PROVIDERS.keys()


@all_cases()
def test_name_side_and_status(case: ProviderCase) -> None:
    assert PROVIDERS[case.name] is case.provider
    assert (case.provider.side, case.provider.status) == (case.side, case.status)


# Signatures


@pytest.mark.parametrize(
    ("case", "vector"), VECTORS, ids=[f"{place}-{vector.sample}" for place, (_, vector) in enumerate(VECTORS)]
)
def test_recorded_signature_is_verified(case: ProviderCase, vector: Vector) -> None:
    message = vector.message()
    assert verified(case, message, vector.connector_secret)
    if case.official is not None:
        assert case.official(message, vector.connector_secret)


@all_cases()
def test_missing_or_empty_header_is_named_in_the_error(case: ProviderCase) -> None:
    for header in case.headers:
        with pytest.raises(NotVerified, match=rf"^The header {header} is missing or empty\.$"):
            case.provider.verify(with_header(case.message, header.lower(), ""), [case.secret])
        expected = case.other_header if case.other_header and header == case.headers[0] else header
        with pytest.raises(NotVerified, match=rf"^The header {expected} is missing or empty\.$"):
            case.provider.verify(without_header(case.message, header.lower()), [case.secret])


@all_cases()
@given(data=st.data())
def test_only_the_current_and_the_previous_secret_verify(case: ProviderCase, data: st.DataObject) -> None:
    current, previous, other = (data.draw(case.keys) for _ in range(3))
    secrets = (current.verifying, previous.verifying)
    unsigned = data.draw(case.unsigned)
    for key in (current, previous, other):
        assert verified(case, case.sign(unsigned, key.signing), *secrets) is (key.verifying in secrets)


@all_cases()
def test_nothing_is_verified_without_a_valid_secret(case: ProviderCase) -> None:
    assert not verified(case, case.message)
    for secret in case.invalid_secrets:
        assert not verified(case, case.message, secret)


@all_cases(lambda case: case.name not in ("livekit", "signed", "telnyx"))
def test_empty_secret_verifies_nothing_even_if_it_signed_the_message(case: ProviderCase) -> None:
    assert not verified(case, case.sign(case.message, ""), "")


@all_cases()
def test_changed_bits_are_detected(case: ProviderCase) -> None:
    harmless = 0
    for place, message in changed_bits(case):
        accepted = verified(case, message, case.secret)
        if case.official is not None:
            assert accepted == case.official(message, case.secret), (place, message)
        harmless += accepted
    assert harmless in case.harmless_bits


def changed_bits(case: ProviderCase) -> Iterator[tuple[str, Message]]:
    """Yield every message that differs in one bit of the body, the URL or a header of the signature."""
    message = case.bit_message
    for body in flipped_bits(message.body):
        yield "body", message._replace(body=body)
    for url in flipped_bits(message.url.encode()):
        yield "url", message._replace(url=url.decode("latin-1"))
    for name in map(str.lower, case.headers):
        for value in flipped_bits(message.headers[name].encode("latin-1")):
            yield name, with_header(message, name, value.decode("latin-1"))


@all_cases(lambda case: case.official)
@given(data=st.data())
def test_any_signed_message_is_verified_as_by_the_providers_own_code(case: ProviderCase, data: st.DataObject) -> None:
    key, other = data.draw(case.keys), data.draw(case.keys)
    message = case.sign(data.draw(case.unsigned), key.signing)
    assert verified(case, message, key.verifying)
    assert officially_verified(case, message, key.verifying)
    assert verified(case, message, other.verifying) == officially_verified(case, message, other.verifying)


@all_cases(lambda case: case.ages_ms is not None)
@given(data=st.data())
def test_age_of_a_signature_is_judged_as_by_the_providers_own_code(case: ProviderCase, data: st.DataObject) -> None:
    assert case.ages_ms is not None
    key: Key = data.draw(case.keys)
    message = case.sign(data.draw(case.unsigned)._replace(received_at=NOW), key.signing)
    message = message._replace(received_at=NOW + data.draw(case.ages_ms) * 1_000)
    assert verified(case, message, key.verifying) == officially_verified(case, message, key.verifying)


@all_cases(lambda case: case.tolerance_sec)
def test_signature_is_accepted_up_to_the_tolerance_before_and_after(case: ProviderCase) -> None:
    assert case.tolerance_sec is not None
    limit = case.tolerance_sec
    for seconds, accepted in ((-limit - 1, False), (-limit, True), (0, True), (limit, True), (limit + 1, False)):
        message = case.message._replace(received_at=NOW + seconds * SECOND)
        assert verified(case, message, case.secret) is accepted


@all_cases()
@given(data=st.data())
def test_arbitrary_messages_raise_only_the_two_errors(case: ProviderCase, data: st.DataObject) -> None:
    message = data.draw(case.arbitrary)
    verified(case, message, case.secret)
    verified(case, message, "secret")
    assert not verified(case, message, case.other_secret)
    assert not verified(case, with_header(message, case.headers[0].lower(), "AAAA"), case.secret)
    assert_reads_or_refuses(case.provider, message)


@all_cases(lambda case: case.test_urls)
def test_message_of_connectors_test_is_verified_and_not_metered(case: ProviderCase) -> None:
    assert case.provider.make_test_message is not None
    for url in case.test_urls:
        message = case.provider.make_test_message(case.secret, url, NOW)
        assert verified(case, message, case.secret)
        assert not verified(case, message, case.other_secret)
        assert not verified(case, message, *case.invalid_secrets)
        if case.official is not None and case.name != "livekit":
            assert case.official(message, case.secret)
        assert ignored_type(case.provider, message) == "talkmeter.test"


def test_telnyx_has_no_test_message_because_only_telnyx_can_sign() -> None:
    assert CASES["telnyx"].provider.make_test_message is None


# Records


@all_cases()
def test_unknown_events_are_ignored_by_type(case: ProviderCase) -> None:
    for message, type_ in case.ignored:
        assert ignored_type(case.provider, message) == type_


@all_cases()
def test_error_names_the_field_and_not_its_value(case: ProviderCase) -> None:
    for message, beginning in case.refused:
        assert refusal(case.provider, message).startswith(beginning)


class Update(NamedTuple):
    """An update of a record as it can be compared."""

    id: str
    event_id: str
    time: int
    linked_ids: tuple[str, ...]
    record: Record | None


def updates(provider: Provider, message: Message) -> list[Update | Rejection]:
    reading = provider.read(message)
    assert not isinstance(reading, Ignored)
    return [
        part
        if isinstance(part, Rejection)
        else Update(part.id, part.event_id, part.time, part.linked_ids, record_of(part))
        for part in reading
    ]


def record_of(part: RecordUpdate | PartialRecordUpdate) -> Record | None:
    return part.record if isinstance(part, RecordUpdate) else part.merge(None)


@all_cases()
@given(data=st.data())
def test_arrival_of_a_message_changes_nothing(case: ProviderCase, data: st.DataObject) -> None:
    """Any message, sampled or arbitrary, gives the same updates or the same error whenever it arrives."""
    bodies = st.sampled_from([case.message._replace(body=body) for body in case.call])
    message = data.draw(bodies | case.arbitrary | st.sampled_from([message for message, _ in case.refused]))
    arrivals = data.draw(st.tuples(ARRIVALS, ARRIVALS))
    first, second = (outcome_of(case.provider, message._replace(received_at=at)) for at in arrivals)
    assert first == second


def outcome_of(provider: Provider, message: Message) -> object:
    """Return what a message comes to: its updates, its type if it is ignored, or the error."""
    try:
        reading = provider.read(message)
    except NotUnderstood as error:
        return str(error)
    return reading if isinstance(reading, Ignored) else updates(provider, message)


@all_cases()
def test_no_update_contains_the_callers_number(case: ProviderCase) -> None:
    for body in case.call:
        assert CALLER not in repr(updates(case.provider, case.message._replace(body=body)))
