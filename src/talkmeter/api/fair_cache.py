"""A cache of encoded answers in which no organization can take all the space."""

from collections import OrderedDict
from typing import Final

from cachetools import LRUCache

from talkmeter.api.compression import Encoded

SHARE: Final = 2
"""An organization's answers take at most one part in so many of the space."""


class FairCache:
    """Encoded answers by organization and ETag. The caller locks it."""

    def __init__(self, max_bytes: int) -> None:
        """Start empty."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._organizations: OrderedDict[str, LRUCache[str, Encoded]] = OrderedDict()
        """The organization used last is the last one."""

    def get(self, org_id: str, etag: str) -> Encoded | None:
        """Return an answer, or None if it is not there any more."""
        answers = self._organizations.get(org_id)
        if answers is None:
            return None
        self._organizations.move_to_end(org_id)
        return answers.get(etag)

    def put(self, org_id: str, etag: str, encoded: Encoded) -> None:
        """Keep an answer, unless it exceeds the organization's share.

        What the organization used least recently makes room for it, then what the other organizations did.
        """
        share = self._max_bytes // SHARE
        if not 0 < _size(encoded) <= share:
            return
        answers = self._organizations.setdefault(org_id, LRUCache(share, getsizeof=_size))
        self._organizations.move_to_end(org_id)
        self._bytes -= int(answers.currsize)
        answers[etag] = encoded
        self._bytes += int(answers.currsize)
        while self._bytes > self._max_bytes:
            self._drop_one()

    def _drop_one(self) -> None:
        org_id, answers = next(iter(self._organizations.items()))
        _, dropped = answers.popitem()
        self._bytes -= _size(dropped)
        if not answers:
            del self._organizations[org_id]


def _size(encoded: Encoded) -> int:
    return len(encoded.body)
