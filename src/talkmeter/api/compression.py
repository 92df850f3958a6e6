"""The compression of answers: which coding a client accepts, and answers compressed with it."""

import gzip
import re
import sys
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeVar, get_args

from talkmeter.api.headers import header_values
from talkmeter.api.problems import AnyRequest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Coding = Literal["zstd", "gzip"]
CODINGS: Final[tuple[Coding, ...]] = get_args(Coding)
"""The content codings of answers, preferred first."""
MIN_BYTES: Final = 1_024
"""A smaller answer is not compressed: it fits into one packet either way."""
_GZIP_LEVEL: Final = 6
_WEIGHT: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
Name = TypeVar("Name", bound=str)


class Encoded(NamedTuple):
    """A body, and the content coding with which it is compressed; None: it is not compressed."""

    body: bytes
    coding: Coding | None = None


def best_coding(header: str, available: Iterable[Name]) -> Name | None:
    """Return the best available content coding that the client accepts, or None (RFC 9110, section 12.5.3).

    `header` is Accept-Encoding. If the client accepts several equally, the first available one is returned.
    """
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        weight = _WEIGHT.fullmatch(parameters[0]) if parameters else None
        if coding and (weight is not None or not parameters):
            weights[coding] = float(weight[1]) if weight else 1.0
    usable = {coding: weights.get(coding, weights.get("*", 0.0)) for coding in available}
    best = max(usable, key=lambda coding: usable[coding], default=None)
    return best if best is not None and usable[best] > 0 else None


def accepted_coding(request: AnyRequest) -> Coding | None:
    """Return the coding to compress an answer with, or None if the client accepts none."""
    return best_coding(b",".join(header_values(request, b"accept-encoding")).decode("latin-1"), CODINGS)


def compress(body: bytes, coding: Coding | None) -> Encoded:
    """Return the body, compressed if it has at least 1 KiB. The same body always gives the same bytes."""
    if coding is None or len(body) < MIN_BYTES:
        return Encoded(body)
    # Without a time in its header, gzip is deterministic.
    compressed = zstd.compress(body) if coding == "zstd" else gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return Encoded(compressed, coding)
