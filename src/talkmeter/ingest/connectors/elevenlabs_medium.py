"""How an ElevenLabs conversation came: its channel, direction and modality (docs/connectors/elevenlabs.md).

The sources are those of ElevenLabs' SDK, `ConversationInitiationSource`. What a message does not say gets a default and
is named as assumed.
"""

from typing import Final, NamedTuple

import msgspec

from talkmeter.ingest.connectors.payload import Number
from talkmeter.ingest.connectors.provider import Assumed
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction, Modality

_PHONE_SOURCES: Final = frozenset({"sip_trunk", "twilio", "exotel", "genesys", "avaya", "audiocodes"})
_TEXT_SOURCES: Final = frozenset(
    {
        "whatsapp",
        "twilio_sms",
        "zendesk_integration",
        "slack_integration",
        "telegram_integration",
        "intercom_integration",
        "freshdesk_integration",
        "salesforce_integration",
        "genesys_bot_connector",
    }
)
_WEB_SOURCES: Final = frozenset(
    {
        "android_sdk",
        "node_js_sdk",
        "react_native_sdk",
        "react_sdk",
        "js_sdk",
        "python_sdk",
        "widget",
        "swift_sdk",
        "flutter_sdk",
    }
)
_DIRECTIONS: Final[dict[str, Direction]] = {"inbound": "inbound", "outbound": "outbound"}
_NOT_REACHED: Final[dict[str, ConversationStatus]] = {
    "busy": "unanswered",
    "no_answer": "unanswered",
    "failed": "failed",
}


class Line(msgspec.Struct):
    """`phone_call`, `sms` or `whatsapp` of the metadata."""

    type: str | None = None
    direction: str | None = None
    agent_number: str | None = None
    agent_phone_number: str | None = None
    call_sid: str | None = None
    call_result: str | None = None


class Metadata(msgspec.Struct):
    """The fields of `data.metadata` that are read."""

    start_time_unix_secs: Number | None = None
    call_duration_secs: Number | None = None
    text_only: bool | None = None
    phone_call: Line | None = None
    sms: Line | None = None
    whatsapp: Line | None = None
    conversation_initiation_source: str | None = None


class _ConversationOverride(msgspec.Struct):
    text_only: bool | None = None


class _ConfigOverride(msgspec.Struct):
    conversation: _ConversationOverride | None = None


class _SourceInfo(msgspec.Struct):
    source: str | None = None


class ClientData(msgspec.Struct):
    """The fields of `data.conversation_initiation_client_data` that are read."""

    conversation_config_override: _ConfigOverride | None = None
    source_info: _SourceInfo | None = None


class ConversationData(msgspec.Struct):
    """The fields of `data` that are read."""

    metadata: Metadata
    conversation_id: str | None = None
    agent_id: str | None = None
    status: str | None = None
    has_audio: bool | None = None
    has_user_audio: bool | None = None
    has_response_audio: bool | None = None
    conversation_initiation_client_data: ClientData | None = None


class Medium(NamedTuple):
    """How a conversation came; `status` is set if its call was not answered."""

    channel: Channel
    direction: Direction
    modality: Modality
    number: str | None = None
    status: ConversationStatus | None = None
    assumed: tuple[Assumed, ...] = ()


def medium_of(data: ConversationData) -> Medium:
    """Return how a conversation came."""
    metadata = data.metadata
    if (line := metadata.phone_call) is not None:
        return _medium("telephone", "voice", line)
    if (line := metadata.sms) is not None:
        return _medium("text", "chat", line)
    has_audio = bool(data.has_audio or data.has_user_audio or data.has_response_audio)
    if (line := metadata.whatsapp) is not None:
        return _medium("text", "voice" if has_audio else "chat", line)
    if _is_text_only(data):
        return Medium("text", "inbound", "chat")
    return _medium_of_source(_source(data), has_audio=has_audio)


def _medium(channel: Channel, modality: Modality, line: Line) -> Medium:
    direction = _DIRECTIONS.get(line.direction or "")
    return Medium(
        channel,
        direction or "inbound",
        modality,
        line.agent_number or line.agent_phone_number,
        _NOT_REACHED.get(line.call_result or ""),
        () if direction else ("direction",),
    )


def _medium_of_source(source: str | None, *, has_audio: bool) -> Medium:
    """Return how a conversation without a phone line came. `has_audio` is whether the message says so."""
    if source in _WEB_SOURCES:
        return Medium("webrtc", "inbound", "voice")
    if source in _PHONE_SOURCES:
        return Medium("telephone", "inbound", "voice", assumed=("direction",))
    if source in _TEXT_SOURCES:
        return Medium("text", "inbound", "voice" if has_audio else "chat", assumed=("direction",))
    # Messages of before there were sources, and sources that are not known.
    is_voice = has_audio or source is None
    return Medium("webrtc", "inbound", "voice" if is_voice else "chat", assumed=("channel", "direction"))


def _client_data(data: ConversationData) -> ClientData:
    return data.conversation_initiation_client_data or ClientData()


def _source(data: ConversationData) -> str | None:
    info = _client_data(data).source_info
    return data.metadata.conversation_initiation_source or (info.source if info else None)


def _is_text_only(data: ConversationData) -> bool:
    """Return whether the conversation was in text: by its metadata, else by the settings with which it was started."""
    if data.metadata.text_only is not None:
        return data.metadata.text_only
    override = _client_data(data).conversation_config_override
    return bool(override and override.conversation and override.conversation.text_only)
