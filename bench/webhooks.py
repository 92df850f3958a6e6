"""The response time of webhooks: one signed message at a time on one connection, each for a new call."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

from bench.http_client import Latencies, run, send_all
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.timing import interleaved, ratio
from tests.connectors.messages import SAMPLES
from tests.connectors.metering_server import Hook, metering_server
from tests.connectors.signing import SIGNERS, signed_request
from tests.events import conversation

MESSAGES: Final = 200
_BASELINE: Final = "GET /health/live: no signature, no database"
_TARGET_P99_MS: Final = 100
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
"""For each provider a sample message, and the ids in it that are replaced in every message."""


def measure_webhooks(rounds: int) -> ResultTable:
    """Measure a webhook of each provider, compared with a health check."""
    with tempfile.TemporaryDirectory() as folder, metering_server(Path(folder)) as meter:
        url = meter.server.url
        health_checks = [b"GET /health/live HTTP/1.1\r\nHost: bench\r\n\r\n"] * MESSAGES
        measurements: dict[str, Callable[[], Latencies]] = {_BASELINE: lambda: run(send_all(url, health_checks, 1))}
        for name, stack in SIGNERS.items():
            hook = meter.connect(name, stack.secret)
            measurements[name] = partial(_send, hook, _bodies(name))
        results = interleaved(measurements, rounds, warmup=1)
    medians = {name: [latencies.percentile(0.5) for latencies in runs] for name, runs in results.items()}
    return ResultTable(
        name="webhooks",
        title="One signed webhook for a new call over HTTP, durable, one at a time on one connection, SQLite",
        columns=(
            LABEL,
            ResultColumn("ratio to health check", 1),
            ResultColumn("p50 ms", 2),
            ResultColumn("p99 ms", 2),
            ResultColumn("p99 target", 0),
        ),
        rows=tuple(
            (
                name,
                ratio(medians[name], medians[_BASELINE]),
                median(medians[name]),
                median(latencies.percentile(0.99) for latencies in runs),
                None if name == _BASELINE else _TARGET_P99_MS,
            )
            for name, runs in results.items()
        ),
        note=f"Medians of {rounds} interleaved runs of {MESSAGES} messages. Each connector has its own organization.",
    )


def _bodies(name: str) -> Iterator[bytes]:
    """Yield bodies of one provider, each for a new call."""
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


def _send(hook: Hook, bodies: Iterator[bytes]) -> Latencies:
    """Sign and send the next messages; all of them must be accepted."""
    requests = [signed_request(hook, next(bodies), int(time.time())) for _ in range(MESSAGES)]
    before = hook.outcomes(0).get("accepted", 0)
    latencies = run(send_all(hook.metering.server.url, requests, 1))
    assert hook.outcomes(before + MESSAGES) == {"accepted": before + MESSAGES}
    return latencies
