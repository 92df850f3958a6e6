"""The supported providers, by name."""

from typing import Final

from talkmeter.ingest.connectors import elevenlabs, livekit, n8n, plivo, retell, signed, telnyx, twilio, vapi
from talkmeter.ingest.connectors.provider import Provider

PROVIDERS: Final[dict[str, Provider]] = {
    module.PROVIDER.name: module.PROVIDER
    for module in (signed, twilio, vapi, retell, elevenlabs, livekit, telnyx, plivo, n8n)
}
