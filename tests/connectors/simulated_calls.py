"""Simulated calls and the messages that providers send about them.

Each call is generated first, and its messages from it. So the expected figures are known without reading a message. The
bodies follow the documentation of the providers.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, Literal, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

FIRST: Final = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
DAYS: Final = 45
_OUR_NUMBER, _THEIR_NUMBER = "+15005550001", "+15005550006"
_ENDED: Final = 3_600

Json = dict[str, object]
Modality = Literal["voice", "chat"]


class SentMessage(NamedTuple):
    """A message of a provider, and the second at which it is first sent."""

    provider: str
    body: bytes
    at: float


@dataclass
class Call:
    """A call or chat: its start, its duration (None if unanswered), its direction, and its messages."""

    start_ms: int
    duration_ms: int | None
    inbound: bool
    modality: Modality = "voice"
    messages: list[SentMessage] = field(default_factory=list)

    @property
    def end_ms(self) -> int:
        """When it ended."""
        return self.start_ms + (self.duration_ms or 0)

    @property
    def day(self) -> str:
        """The UTC day on which it counts."""
        return datetime.fromtimestamp(self.start_ms // 1_000, UTC).strftime("%Y-%m-%d")

    def add_message(self, provider: str, body: Json, at_ms: float) -> None:
        """Add a JSON message of a provider."""
        self.messages.append(SentMessage(provider, json.dumps(body).encode(), at_ms / 1_000))


class Run(NamedTuple):
    """A workflow run, and its messages."""

    succeeded: bool
    messages: list[SentMessage]


def simulated_calls(number: int, rng: random.Random) -> list[Call]:
    """Return calls of all providers."""
    makers = (_vapi, _retell_call, _retell_chat, _elevenlabs, _livekit, _telnyx, _twilio)
    shares = (20, 16, 10, 22, 8, 8, 16)
    makes = rng.choices(makers, shares, k=number)
    return [
        make(f"{place:032x}", _call(rng, whole_seconds=make is not _retell_chat), rng)
        for place, make in enumerate(makes)
    ]


def simulated_runs(number: int, rng: random.Random) -> Iterator[Run]:
    """Yield workflow runs."""
    for place in range(number):
        at, succeeded = _second(rng), rng.random() < 0.8
        names = ("started", "success" if succeeded else "failed")
        bodies = (
            {
                "id": f"run-{place}-{name}",
                "ts": _iso((at + seconds) * 1_000),
                "eventName": f"n8n.workflow.{name}",
                "payload": {"executionId": str(place), "workflowId": "workflow-1"},
            }
            for name, seconds in zip(names, (0, 30), strict=True)
        )
        yield Run(succeeded, [SentMessage("n8n", json.dumps(body).encode(), at + 30.0) for body in bodies])


def _second(rng: random.Random) -> int:
    return FIRST + rng.randrange(DAYS * 86_400)


def _call(rng: random.Random, *, whole_seconds: bool) -> Call:
    """Return a call, in whole seconds if the provider sends nothing finer. One in eight is unanswered."""
    duration = None if rng.random() < 0.125 else rng.randrange(1, _ENDED)
    start = _second(rng)
    milliseconds = 0 if whole_seconds else rng.randrange(1_000)
    return Call(start * 1_000 + milliseconds, None if duration is None else duration * 1_000, rng.random() < 0.6)


def _iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _numbers(call: Call) -> tuple[str, str]:
    return (_THEIR_NUMBER, _OUR_NUMBER) if call.inbound else (_OUR_NUMBER, _THEIR_NUMBER)


def _leg(call: Call, sid: str, rng: random.Random, parent: str = "", *, longer: int = 0) -> None:
    """Add Twilio's messages about a leg of a call: all states, or only the last. `longer` adds seconds to it."""
    answered = call.duration_ms is not None
    seconds = (call.duration_ms or 0) // 1_000 + (longer if answered else 0)
    earlier = ("ringing", "in-progress") if rng.random() < 0.1 and answered else ()
    caller, called = _numbers(call)
    for place, status in enumerate((*earlier, "completed" if answered else "no-answer")):
        end = call.end_ms // 1_000 if status in ("completed", "no-answer") else call.start_ms // 1_000
        fields = {
            "CallSid": sid,
            "ParentCallSid": parent,
            "CallStatus": status,
            "Direction": "outbound-dial" if parent else "inbound" if call.inbound else "outbound-api",
            "Timestamp": format_datetime(datetime.fromtimestamp(end, UTC)),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(place),
            "From": caller,
            "To": called,
            "CallDuration": str(seconds) if status == "completed" else "",
            "Duration": str(-(-seconds // 60)) if status == "completed" else "",
        }
        body = urlencode({name: text for name, text in fields.items() if text}).encode()
        call.messages.append(SentMessage("twilio", body, end))


def _twilio(id_: str, call: Call, rng: random.Random) -> Call:
    """Return a call of the carrier alone; one in four was forwarded to a second leg."""
    _leg(call, f"CA{id_}", rng)
    if rng.random() < 0.25:
        _leg(call, f"CA1{id_[1:]}", rng, parent=f"CA{id_}", longer=-(((call.duration_ms or 0) // 1_000) // 2))
    return call


def _line(id_: str, call: Call, rng: random.Random) -> str:
    """Return the id of the Twilio call that carries an agent's call, or an empty string; Twilio reports it too."""
    if rng.random() < 0.5:
        return ""
    _leg(call, f"CA{id_}", rng, longer=rng.randrange(1, 9))
    return f"CA{id_}"


def _uuid(milliseconds: int, rng: random.Random) -> str:
    """Return a version 1 UUID of a moment. It begins with the lowest bits of the time, so its order means nothing."""
    time = milliseconds * 10_000 + rng.randrange(10_000) + 0x01B21DD213814000
    fields = (time & 0xFFFFFFFF, time >> 32 & 0xFFFF, time >> 48 | 0x1000, 0x80 | rng.randrange(64), rng.randrange(256))
    return str(UUID(fields=(*fields, rng.randrange(1 << 48))))


def _telnyx(_: str, call: Call, rng: random.Random) -> Call:
    """Return a call of one leg, or of two if it was transferred. The session has another id than its legs.

    A transfer makes an outgoing leg that keeps the number of the caller.
    """
    began = call.start_ms - 3_000
    session = _uuid(began, rng)
    _telnyx_leg(call, session, began, _numbers(call), is_transfer=False, rng=rng)
    if call.duration_ms is not None and rng.random() < 0.3:
        numbers = _numbers(call)[0], "+15005550009"
        _telnyx_leg(call, session, call.start_ms + call.duration_ms // 2, numbers, is_transfer=True, rng=rng)
    return call


def _telnyx_leg(
    call: Call, session: str, began: int, numbers: tuple[str, str], *, is_transfer: bool, rng: random.Random
) -> None:
    leg = _uuid(began + 1, rng)
    caller, called = numbers
    payload = {"call_leg_id": leg, "call_control_id": f"v3:{leg}", "call_session_id": session}
    payload |= {"from": caller, "to": called, "start_time": _iso(began)}
    direction = "incoming" if call.inbound and not is_transfer else "outgoing"
    answered = began + 3_000 if not is_transfer else began + 1
    events: list[tuple[str, int, Json]] = [("initiated", began, {"direction": direction})]
    cause = "user_busy"
    if call.duration_ms is not None:
        events.append(("answered", answered, {}))
        cause = "normal_clearing"
    events.append(("hangup", call.end_ms, {"hangup_cause": cause}))
    for name, at, more in events:
        data = {"id": f"{leg}-{name}", "event_type": f"call.{name}", "occurred_at": _iso(at)}
        call.add_message("telnyx", {"data": {**data, "payload": {**payload, **more}}}, at)


def _vapi(id_: str, call: Call, rng: random.Random) -> Call:
    on_web = call.inbound and call.duration_ms is not None and rng.random() < 0.4
    details: Json = {
        "id": id_,
        "type": "webCall" if on_web else "inboundPhoneCall" if call.inbound else "outboundPhoneCall",
        "assistantId": "assistant-1",
        "createdAt": _iso(call.start_ms),
        "customer": {"number": _THEIR_NUMBER},
    }
    if not on_web and (line := _line(id_, call, rng)):
        details |= {"phoneCallProvider": "twilio", "phoneCallProviderId": line}
    report: Json = {"type": "end-of-call-report", "call": details, "endedReason": "customer-did-not-answer"}
    if call.duration_ms is not None:
        report |= {"startedAt": _iso(call.start_ms), "endedAt": _iso(call.end_ms), "endedReason": "customer-ended-call"}
    report["artifact"] = {"transcript": "AI: How can I help?"}
    call.add_message("vapi", {"message": report}, call.end_ms)
    if rng.random() < 0.1:
        call.add_message(
            "vapi", {"message": {"type": "status-update", "status": "ended", "call": details}}, call.end_ms
        )
    return call


def _retell_call(id_: str, call: Call, rng: random.Random) -> Call:
    on_web = call.inbound and call.duration_ms is not None and rng.random() < 0.4
    caller, called = _numbers(call)
    details: Json = {"call_id": id_, "call_type": "web_call", "agent_id": "agent-1", "start_timestamp": call.start_ms}
    if not on_web:
        details |= {"call_type": "phone_call", "direction": "inbound" if call.inbound else "outbound"}
        details |= {"from_number": caller, "to_number": called}
        if line := _line(id_, call, rng):
            details["telephony_identifier"] = {"twilio_call_sid": line}
    ended: Json = {**details, "end_timestamp": call.end_ms, "call_status": "registered", "transcript": "Agent: hello"}
    ended["disconnection_reason"] = "dial_no_answer" if call.duration_ms is None else "user_hangup"
    # A call that never connected has no call_started.
    if call.duration_ms is not None and rng.random() < 0.2:
        call.add_message("retell", {"event": "call_started", "call": details}, call.start_ms)
    call.add_message("retell", {"event": "call_ended", "call": ended}, call.end_ms)
    analyzed: Json = {**ended, "call_analysis": {"call_summary": "They said hello."}}
    call.add_message("retell", {"event": "call_analyzed", "call": analyzed}, call.end_ms + 5_000)
    return call


def _retell_chat(id_: str, call: Call, rng: random.Random) -> Call:
    call.modality, call.inbound = "chat", True
    chat: Json = {"chat_id": id_, "agent_id": "agent-1", "chat_type": "api_chat", "start_timestamp": call.start_ms}
    if call.duration_ms is not None:
        chat["end_timestamp"] = call.end_ms
    call.add_message("retell", {"event": "chat_ended", "chat": chat}, call.end_ms)
    return call


def _elevenlabs(id_: str, call: Call, rng: random.Random) -> Call:
    if call.duration_ms is None:
        call.inbound = False
        body = (
            {"CallSid": line, "From": _OUR_NUMBER} if (line := _line(id_, call, rng)) else {"from_number": _OUR_NUMBER}
        )
        data: Json = {
            "conversation_id": id_,
            "agent_id": "agent-1",
            "failure_reason": "no-answer",
            "metadata": {"type": "twilio" if line else "sip_trunking", "body": body},
        }
        seconds = call.start_ms // 1_000
        call.add_message("elevenlabs", _elevenlabs_event("call_initiation_failure", seconds, data), call.end_ms)
        return call
    metadata: Json = {"start_time_unix_secs": call.start_ms // 1_000, "call_duration_secs": call.duration_ms // 1_000}
    medium = rng.choice(("phone", "phone", "web", "text"))
    if medium == "phone":
        line = _line(id_, call, rng)
        direction = "inbound" if call.inbound else "outbound"
        metadata["phone_call"] = {
            "type": "twilio",
            "direction": direction,
            "agent_number": _OUR_NUMBER,
            "call_sid": line,
        }
    else:
        call.inbound, metadata["text_only"] = True, medium == "text"
        call.modality = "chat" if medium == "text" else "voice"
    data = {"conversation_id": id_, "agent_id": "agent-1", "status": "done", "transcript": [], "metadata": metadata}
    call.add_message(
        "elevenlabs", _elevenlabs_event("post_call_transcription", call.end_ms // 1_000 + 4, data), call.end_ms
    )
    return call


def _elevenlabs_event(type_: str, seconds: int, data: Json) -> Json:
    return {"type": type_, "event_timestamp": seconds, "data": data}


def _livekit(id_: str, call: Call, rng: random.Random) -> Call:
    """Return a call in a room with an agent. An unanswered call is always outbound and by telephone."""
    by_telephone = call.duration_ms is None or not call.inbound or rng.random() < 0.5
    if call.duration_ms is None:
        call.inbound = False
    caller: Json = {"sid": f"PA_{id_}", "identity": "caller", "joinedAt": str(call.start_ms // 1_000)}
    if by_telephone:
        attributes = {"sip.phoneNumber": _THEIR_NUMBER, "sip.trunkPhoneNumber": _OUR_NUMBER}
        attributes |= {"sip.ruleID": "SDR_1"} if call.inbound else {}
        attributes |= {"sip.twilio.callSid": line} if (line := _line(id_, call, rng)) else {}
        caller |= {"kind": "SIP", "attributes": attributes}
    reason = "USER_UNAVAILABLE" if call.duration_ms is None else "CLIENT_INITIATED"
    agent: Json = {"sid": f"PA_A{id_}", "kind": "AGENT", "attributes": {"lk.agent.name": "agent-1"}}
    start, end = call.start_ms // 1_000, call.end_ms // 1_000
    events: list[tuple[str, int, Json]] = [
        ("participant_joined", start, {"participant": agent}),
        ("participant_left", end, {"participant": {**caller, "disconnectReason": reason}}),
    ]
    if call.duration_ms is not None:
        events.append(("participant_joined", start, {"participant": caller}))
    if rng.random() < 0.3:
        events.append(("room_finished", end + 20, {}))
    room = {"sid": f"RM_{id_}", "name": "room", "creationTime": str(start)}
    for place, (name, at, more) in enumerate(events):
        event: Json = {"event": name, "id": f"EV_{place}{id_}", "createdAt": str(at), "room": room, **more}
        call.add_message("livekit", event, at * 1_000)
    return call
