"""Encoded answers at hand, each under the ETag of everything it depends on; a bounded number of bytes of them.

The revision is read for every request, in the same snapshot as an answer that is computed, so what is found here under
the ETag of now is what would be computed now.
"""

from threading import Lock

from cachetools import LRUCache


class Answers:
    """The answers asked for last; any thread may ask."""

    def __init__(self, most_bytes: int) -> None:
        """Nothing is at hand yet."""
        self._known: LRUCache[str, bytes] = LRUCache(most_bytes, getsizeof=len)
        self._lock = Lock()

    def find(self, etag: str) -> bytes | None:
        """The answer of an ETag, where it is at hand."""
        with self._lock:
            return self._known.get(etag)

    def keep(self, etag: str, answer: bytes) -> None:
        """Keep an answer in place of those not asked for the longest; one larger than all the room is not kept."""
        if len(answer) <= self._known.maxsize:
            with self._lock:
                self._known[etag] = answer
