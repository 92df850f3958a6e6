"""What the contract test of the connectors must know of a provider."""

from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import Message, Provider
from talkmeter.ledger.batch import Side
from tests.connectors.messages import Vector


class Key(NamedTuple):
    """A secret to sign with, and the one to verify with: the same, unless the provider has a key pair."""

    signing: str
    verifying: str


class ProviderCase(NamedTuple):
    """A provider, samples of its messages, and its signatures as its own code makes and verifies them."""

    provider: Provider
    side: Side | None
    status: int
    vectors: list[Vector]
    """Recorded samples with their signatures."""
    headers: tuple[str, ...]
    """The headers of the signature, as the errors name them."""
    keys: st.SearchStrategy[Key]
    unsigned: st.SearchStrategy[Message]
    """Messages that the provider's code can sign."""
    sign: Callable[[Message, str], Message]
    """Signs a message at the time at which it is received."""
    official: Callable[[Message, str], bool] | None
    """Verifies a message by the provider's own code, at the time at which it is received."""
    bit_message: Message
    """A message, signed with the first vector's secret, in which every bit is changed, one at a time."""
    harmless_bits: range
    """How many of these changes leave the message verified: bits that are not signed or mean the same."""
    arbitrary: st.SearchStrategy[Message]
    ignored: tuple[tuple[Message, str], ...]
    """Messages that are not metered, and their types."""
    refused: tuple[tuple[Message, str], ...]
    """Messages that cannot be counted, and how the error begins."""
    call: tuple[bytes, ...]
    """Bodies about one call or run, oldest first, that give the same record in any order."""
    other_secret: str = "another secret"
    """A valid secret with which nothing was signed."""
    invalid_secrets: tuple[str, ...] = ("",)
    other_header: str = ""
    """The header that verifies a message without the first of `headers`."""
    tolerance_sec: int | None = None
    """How old or early a signature may be."""
    ages_ms: st.SearchStrategy[int] | None = None
    """Ages of signatures on which the provider's own code agrees with ours."""
    test_urls: tuple[str, ...] = ("https://meter.example.com/hooks/provider/t_1",)

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def message(self) -> Message:
        """The first recorded sample."""
        return self.vectors[0].message()

    @property
    def secret(self) -> str:
        """The secret that verifies it."""
        return self.vectors[0].connector_secret
