"""The limits of a client: batch sizes, spool size, timeouts and retry delays."""

import math
from typing import Final

import msgspec

from talkmeter_client.errors import WrongUse

MIB: Final = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A batch is sent when it has `batch_events` or `batch_bytes`, or when its first event is `batch_seconds` old.

    `spool_bytes` limits the events that wait or are set aside; the file is slightly larger. `free_bytes` of its disk
    stay free, because removing sent events needs some space. `timeout_sec` is for one request, `close_sec` for the
    flush in `close` and at the end of a `with` block. The delay between attempts doubles
    from `first_pause_sec` to `longest_pause_sec`, and is at least the Retry-After up to `longest_retry_after_sec`.
    `fsync=False` is faster, but a power failure may lose the last events; kill -9 never does.
    """

    batch_events: int = 1_000
    batch_bytes: int = MIB
    batch_seconds: float = 1.0
    spool_bytes: int = 100 * MIB
    free_bytes: int = 8 * MIB
    timeout_sec: float = 30.0
    close_sec: float = 10.0
    first_pause_sec: float = 0.5
    longest_pause_sec: float = 60.0
    longest_retry_after_sec: float = 3_600.0
    fsync: bool = True

    def __post_init__(self) -> None:
        """Raise WrongUse if a limit is not a positive number."""
        numbers = {name: getattr(self, name) for name in self.__struct_fields__ if name != "fsync"}
        invalid = [name for name, value in numbers.items() if not (math.isfinite(value) and value > 0)]
        if invalid:
            raise WrongUse(f"Limits must be greater than 0, but {invalid[0]} is {numbers[invalid[0]]}.")
