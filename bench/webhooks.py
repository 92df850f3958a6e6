"""A stack's message on one connection, of a new call each time: how soon the stack is answered."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

from bench.http_client import Times, in_turn, run
from bench.result_table import WORDS, Column, Measured
from bench.timing import alternating, ratio
from tests.connectors.metering_server import Hook, metering_server
from tests.connectors.signed_samples import SAMPLES
from tests.connectors.signing import SIGNERS, signed_request
from tests.events import conversation

MESSAGES: Final = 200
_LIVE: Final = "GET /health/live: nothing to prove, read or write"
_SAMPLES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "twilio": ("twilio_status_completed.form", ("CA00000000000000000000000000000001",)),
    "vapi": ("vapi_end_of_call_report.json", ("ea62d31a-7f92-4e02-a059-4d56d600bf51",)),
    "retell": ("retell_call_ended.json", ("Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6",)),
    "elevenlabs": ("elevenlabs_post_call_phone.json", ("conv_7701k807mbv3eg3tzrjfw0jgen9j",)),
    "livekit": ("livekit_room_finished.json", ("RM_Vjxrj2PWkQNq", "EV_St9wgVG8SGcu")),
    "telnyx": (
        "telnyx_call_hangup.json",
        ("428c31b6-7af4-4bcb-b7f5-5013ef9657c1", "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0"),
    ),
    "plivo": ("plivo_hangup.form", ("64d3290a-87a6-46b4-a6e2-20f5f4e07a02",)),
    "n8n": ("n8n_log_streaming_success.json", ("exec-456",)),
}
"""Of each stack a message as it sends them, and the ids in it that are others in each message."""


def measure_hooks(rounds: int) -> Measured:
    """Every stack's message, one after the other, against an answer that costs nothing."""
    with tempfile.TemporaryDirectory() as folder, metering_server(Path(folder)) as meter:
        url = meter.server.url
        live = [b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n"] * MESSAGES
        measures: dict[str, Callable[[], Times]] = {_LIVE: lambda: run(in_turn(url, live, 1))}
        for name, stack in SIGNERS.items():
            hook = meter.connect(name, stack.secret)
            measures[name] = partial(_send, hook, _bodies(name))
        found = alternating(measures, rounds, first=1)
    middle = {name: [times.at(0.5) for times in all_times] for name, all_times in found.items()}
    return Measured(
        name="webhooks",
        title="A signed message of a new call over HTTP, durable, one after the other on one connection, SQLite",
        columns=(
            WORDS,
            Column("times /health/live", 1),
            Column("p50 ms", 2),
            Column("p99 ms", 2),
            Column("p99 at most", 0),
        ),
        rows=tuple(
            (
                name,
                ratio(middle[name], middle[_LIVE]),
                median(middle[name]),
                median(times.at(0.99) for times in all_times),
                None if name == _LIVE else 100,
            )
            for name, all_times in found.items()
        ),
        note=f"Medians of {rounds} alternating runs of {MESSAGES} messages; each connector has its own organization.",
    )


def _bodies(name: str) -> Iterator[bytes]:
    """Bodies of one stack, each of a call that nobody has told of."""
    if name == "signed":
        for number in count():
            yield json.dumps(conversation(f"call-{number}")).encode()
    sample, ids = _SAMPLES[name]
    body = (SAMPLES / sample).read_bytes()
    for number in count():
        new = body
        for id_ in ids:
            new = new.replace(id_.encode(), f"{id_}-{number}".encode())
        yield new


def _send(hook: Hook, bodies: Iterator[bytes]) -> Times:
    """The next messages, signed just before and all counted."""
    requests = [signed_request(hook, next(bodies), int(time.time())) for _ in range(MESSAGES)]
    before = hook.outcomes(0).get("accepted", 0)
    times = run(in_turn(hook.metering.server.url, requests, 1))
    assert hook.outcomes(before + MESSAGES) == {"accepted": before + MESSAGES}
    return times
