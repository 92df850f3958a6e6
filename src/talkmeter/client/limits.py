"""How much a client takes at once, how much it keeps, and how long it waits."""

import math
from typing import Final

import msgspec

from talkmeter.client.errors import WrongUse

MIB: Final = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A batch is sent when it has `batch_events` or `batch_bytes`, or when its first event is `batch_seconds` old.

    `spool_bytes` bounds what waits and what is set aside; the file is somewhat larger. One request may take
    `timeout_sec`, and the flush at the end of a `with` block `close_sec`. Pauses between attempts double from
    `first_pause_sec` to `longest_pause_sec`; what Retry-After says is waited for at least, up to
    `longest_retry_after_sec`. `fsync` False writes faster, and then a power failure may lose the last events; kill -9
    loses nothing either way.
    """

    batch_events: int = 1_000
    batch_bytes: int = MIB
    batch_seconds: float = 1.0
    spool_bytes: int = 100 * MIB
    timeout_sec: float = 30.0
    close_sec: float = 10.0
    first_pause_sec: float = 0.5
    longest_pause_sec: float = 60.0
    longest_retry_after_sec: float = 3_600.0
    fsync: bool = True

    def __post_init__(self) -> None:
        """Refuse what no client could work with."""
        numbers = {name: getattr(self, name) for name in self.__struct_fields__ if name != "fsync"}
        bad = [name for name, value in numbers.items() if not (math.isfinite(value) and value > 0)]
        if bad:
            raise WrongUse(f"Limits must be greater than 0, but {bad[0]} is {numbers[bad[0]]}.")
