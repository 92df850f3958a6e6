"""The cases of all providers, and the parametrization over them."""

from collections.abc import Callable
from typing import Final

import pytest

from tests.connectors.cases import elevenlabs, livekit, n8n, plivo, retell, signed, telnyx, twilio, vapi
from tests.connectors.provider_case import ProviderCase

CASES: Final = {
    module.CASE.name: module.CASE for module in (elevenlabs, livekit, n8n, plivo, retell, signed, telnyx, twilio, vapi)
}


def all_cases(applies: Callable[[ProviderCase], object] = bool) -> pytest.MarkDecorator:
    """Run a test with the case of every provider to which it applies."""
    cases = {name: case for name, case in CASES.items() if applies(case)}
    return pytest.mark.parametrize("case", cases.values(), ids=cases)
