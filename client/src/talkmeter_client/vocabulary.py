"""The closed sets of values in events: channels, directions, modalities and statuses.

The server counts by these values (`talkmeter.records`), so both packages share them.
"""

from typing import Literal

Channel = Literal["telephone", "webrtc", "email", "text"]
Direction = Literal["inbound", "outbound"]
Modality = Literal["voice", "chat"]

LiveStatus = Literal["triggered", "ringing", "in_progress"]
EndStatus = Literal["completed", "failed", "cancelled", "transferred", "unanswered"]
ConversationStatus = Literal["token_created", LiveStatus, EndStatus]

LiveRunStatus = Literal["running", "waiting"]
EndRunStatus = Literal["success", "failed", "cancelled"]
RunStatus = Literal[LiveRunStatus, EndRunStatus]
