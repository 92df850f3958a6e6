"""Made-up calls and what their stacks tell of them: each call is made first, and its messages from what it is.

So what must be counted is known without reading a message. The bodies are as the stacks' own documentation has them.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, Literal, NamedTuple
from urllib.parse import urlencode

FIRST: Final = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
DAYS: Final = 45
_OURS, _THEIRS = "+15005550001", "+15005550006"
_ENDED: Final = 3_600

Json = dict[str, object]
Modality = Literal["voice", "chat"]


class Sent(NamedTuple):
    """A message of a stack's, and the second at which it is sent first."""

    stack: str
    body: bytes
    at: float


@dataclass
class Call:
    """A call or chat as it was: when it began, how long it was (None: nobody answered), and who was called."""

    start_ms: int
    duration_ms: int | None
    inbound: bool
    modality: Modality = "voice"
    messages: list[Sent] = field(default_factory=list)

    @property
    def end_ms(self) -> int:
        """When it was over."""
        return self.start_ms + (self.duration_ms or 0)

    @property
    def day(self) -> str:
        """The UTC day it is counted on."""
        return datetime.fromtimestamp(self.start_ms // 1_000, UTC).strftime("%Y-%m-%d")

    def tell(self, stack: str, body: Json, at_ms: float) -> None:
        """Let a stack tell of it in JSON."""
        self.messages.append(Sent(stack, json.dumps(body).encode(), at_ms / 1_000))


class Run(NamedTuple):
    """A workflow run as it was, and what is told of it."""

    succeeded: bool
    messages: list[Sent]


def made_up_calls(number: int, chance: random.Random) -> list[Call]:
    """So many calls, of every stack that tells of some."""
    makers = (_vapi, _retell_call, _retell_chat, _elevenlabs, _livekit, _telnyx, _twilio)
    shares = (20, 16, 10, 22, 8, 8, 16)
    makes = chance.choices(makers, shares, k=number)
    return [
        make(f"{place:032x}", _call(chance, whole=make is not _retell_chat), chance) for place, make in enumerate(makes)
    ]


def made_up_runs(number: int, chance: random.Random) -> Iterator[Run]:
    """So many workflow runs."""
    for place in range(number):
        at, succeeded = _second(chance), chance.random() < 0.8
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
        yield Run(succeeded, [Sent("n8n", json.dumps(body).encode(), at + 30.0) for body in bodies])


def _second(chance: random.Random) -> int:
    return FIRST + chance.randrange(DAYS * 86_400)


def _call(chance: random.Random, *, whole: bool) -> Call:
    """A call; whole seconds, for some stacks tell nothing finer. One in eight is not answered."""
    duration = None if chance.random() < 0.125 else chance.randrange(1, _ENDED)
    start = _second(chance)
    fine = 0 if whole else chance.randrange(1_000)
    return Call(start * 1_000 + fine, None if duration is None else duration * 1_000, chance.random() < 0.6)


def _iso(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _numbers(call: Call) -> tuple[str, str]:
    return (_THEIRS, _OURS) if call.inbound else (_OURS, _THEIRS)


def _leg(call: Call, sid: str, chance: random.Random, parent: str = "", *, longer: int = 0) -> None:
    """What Twilio tells of a leg of a call, which may have begun a few seconds before it: all states, or the last."""
    answered = call.duration_ms is not None
    seconds = (call.duration_ms or 0) // 1_000 + (longer if answered else 0)
    every = ("ringing", "in-progress") if chance.random() < 0.1 and answered else ()
    caller, called = _numbers(call)
    for place, status in enumerate((*every, "completed" if answered else "no-answer")):
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
        call.messages.append(Sent("twilio", body, end))


def _twilio(id_: str, call: Call, chance: random.Random) -> Call:
    """A call of a carrier alone; one in four has been passed on to a second leg."""
    _leg(call, f"CA{id_}", chance)
    if chance.random() < 0.25:
        _leg(call, f"CA1{id_[1:]}", chance, parent=f"CA{id_}", longer=-(((call.duration_ms or 0) // 1_000) // 2))
    return call


def _line(id_: str, call: Call, chance: random.Random) -> str:
    """The Twilio call on whose line an agent's call is held, where it is on one; it tells of it in its own time."""
    if chance.random() < 0.5:
        return ""
    _leg(call, f"CA{id_}", chance, longer=chance.randrange(1, 9))
    return f"CA{id_}"


def _telnyx(id_: str, call: Call, chance: random.Random) -> Call:
    """A call of one leg or, where it was transferred, of two of which the first one names the session."""
    legs = (f"leg-{id_}", f"transferred-{id_}") if chance.random() < 0.2 else (f"leg-{id_}",)
    caller, called = _numbers(call)
    for place, leg in enumerate(legs):
        about = {"call_leg_id": leg, "call_session_id": legs[0], "from": caller, "to": called}
        start, end = call.start_ms, call.end_ms - place * ((call.duration_ms or 0) // 2)
        told: list[tuple[str, int, Json]] = [
            ("initiated", start - 3_000, {"direction": "incoming" if call.inbound else "outgoing"})
        ]
        cause, began = "user_busy", start
        if call.duration_ms is not None:
            told.append(("answered", start, {}))
            cause, began = "normal_clearing", start - 3_000
        told.append(("hangup", end, {"start_time": _iso(began), "hangup_cause": cause}))
        for name, at, more in told:
            data = {"id": f"{leg}-{name}", "event_type": f"call.{name}", "occurred_at": _iso(at)}
            call.tell("telnyx", {"data": {**data, "payload": {**about, **more}}}, at)
    return call


def _vapi(id_: str, call: Call, chance: random.Random) -> Call:
    on_web = call.inbound and call.duration_ms is not None and chance.random() < 0.4
    about: Json = {
        "id": id_,
        "type": "webCall" if on_web else "inboundPhoneCall" if call.inbound else "outboundPhoneCall",
        "assistantId": "assistant-1",
        "createdAt": _iso(call.start_ms),
        "customer": {"number": _THEIRS},
    }
    if not on_web and (line := _line(id_, call, chance)):
        about |= {"phoneCallProvider": "twilio", "phoneCallProviderId": line}
    told: Json = {"type": "end-of-call-report", "call": about, "endedReason": "customer-did-not-answer"}
    if call.duration_ms is not None:
        told |= {"startedAt": _iso(call.start_ms), "endedAt": _iso(call.end_ms), "endedReason": "customer-ended-call"}
    told["artifact"] = {"transcript": "AI: How can I help?"}
    call.tell("vapi", {"message": told}, call.end_ms)
    if chance.random() < 0.1:
        call.tell("vapi", {"message": {"type": "status-update", "status": "ended", "call": about}}, call.end_ms)
    return call


def _retell_call(id_: str, call: Call, chance: random.Random) -> Call:
    on_web = call.inbound and call.duration_ms is not None and chance.random() < 0.4
    caller, called = _numbers(call)
    about: Json = {"call_id": id_, "call_type": "web_call", "agent_id": "agent-1", "start_timestamp": call.start_ms}
    if not on_web:
        about |= {"call_type": "phone_call", "direction": "inbound" if call.inbound else "outbound"}
        about |= {"from_number": caller, "to_number": called}
        if line := _line(id_, call, chance):
            about["telephony_identifier"] = {"twilio_call_sid": line}
    over: Json = {**about, "end_timestamp": call.end_ms, "call_status": "registered", "transcript": "Agent: hello"}
    over["disconnection_reason"] = "dial_no_answer" if call.duration_ms is None else "user_hangup"
    # A call that never connected has no call_started.
    if call.duration_ms is not None and chance.random() < 0.2:
        call.tell("retell", {"event": "call_started", "call": about}, call.start_ms)
    call.tell("retell", {"event": "call_ended", "call": over}, call.end_ms)
    analyzed: Json = {**over, "call_analysis": {"call_summary": "They said hello."}}
    call.tell("retell", {"event": "call_analyzed", "call": analyzed}, call.end_ms + 5_000)
    return call


def _retell_chat(id_: str, call: Call, chance: random.Random) -> Call:
    call.modality, call.inbound = "chat", True
    chat: Json = {"chat_id": id_, "agent_id": "agent-1", "chat_type": "api_chat", "start_timestamp": call.start_ms}
    if call.duration_ms is not None:
        chat["end_timestamp"] = call.end_ms
    call.tell("retell", {"event": "chat_ended", "chat": chat}, call.end_ms)
    return call


def _elevenlabs(id_: str, call: Call, chance: random.Random) -> Call:
    if call.duration_ms is None:
        call.inbound = False
        body = {"CallSid": line, "From": _OURS} if (line := _line(id_, call, chance)) else {"from_number": _OURS}
        told: Json = {
            "conversation_id": id_,
            "agent_id": "agent-1",
            "failure_reason": "no-answer",
            "metadata": {"type": "twilio" if line else "sip_trunking", "body": body},
        }
        seconds = call.start_ms // 1_000
        call.tell("elevenlabs", _elevenlabs_event("call_initiation_failure", seconds, told), call.end_ms)
        return call
    metadata: Json = {"start_time_unix_secs": call.start_ms // 1_000, "call_duration_secs": call.duration_ms // 1_000}
    way = chance.choice(("phone", "phone", "web", "text"))
    if way == "phone":
        line = _line(id_, call, chance)
        direction = "inbound" if call.inbound else "outbound"
        metadata["phone_call"] = {"type": "twilio", "direction": direction, "agent_number": _OURS, "call_sid": line}
    else:
        call.inbound, metadata["text_only"] = True, way == "text"
        call.modality = "chat" if way == "text" else "voice"
    told = {"conversation_id": id_, "agent_id": "agent-1", "status": "done", "transcript": [], "metadata": metadata}
    call.tell("elevenlabs", _elevenlabs_event("post_call_transcription", call.end_ms // 1_000 + 4, told), call.end_ms)
    return call


def _elevenlabs_event(type_: str, seconds: int, data: Json) -> Json:
    return {"type": type_, "event_timestamp": seconds, "data": data}


def _livekit(id_: str, call: Call, chance: random.Random) -> Call:
    """A room with an agent and a caller; by telephone where nobody answered, for on the web there is none to answer."""
    by_telephone = call.duration_ms is None or not call.inbound or chance.random() < 0.5
    if call.duration_ms is None:
        call.inbound = False
    caller: Json = {"sid": f"PA_{id_}", "identity": "caller", "joinedAt": str(call.start_ms // 1_000)}
    if by_telephone:
        attributes = {"sip.phoneNumber": _THEIRS, "sip.trunkPhoneNumber": _OURS}
        attributes |= {"sip.ruleID": "SDR_1"} if call.inbound else {}
        attributes |= {"sip.twilio.callSid": line} if (line := _line(id_, call, chance)) else {}
        caller |= {"kind": "SIP", "attributes": attributes}
    reason = "USER_UNAVAILABLE" if call.duration_ms is None else "CLIENT_INITIATED"
    agent: Json = {"sid": f"PA_A{id_}", "kind": "AGENT", "attributes": {"lk.agent.name": "agent-1"}}
    start, end = call.start_ms // 1_000, call.end_ms // 1_000
    told: list[tuple[str, int, Json]] = [
        ("participant_joined", start, {"participant": agent}),
        ("participant_left", end, {"participant": {**caller, "disconnectReason": reason}}),
    ]
    if call.duration_ms is not None:
        told.append(("participant_joined", start, {"participant": caller}))
    if chance.random() < 0.3:
        told.append(("room_finished", end + 20, {}))
    room = {"sid": f"RM_{id_}", "name": "room", "creationTime": str(start)}
    for place, (name, at, more) in enumerate(told):
        event: Json = {"event": name, "id": f"EV_{place}{id_}", "createdAt": str(at), "room": room, **more}
        call.tell("livekit", event, at * 1_000)
    return call
