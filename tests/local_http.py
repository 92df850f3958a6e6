"""HTTP requests to servers on this machine, without the proxies and certificates of the environment.

httpx reads the environment whenever it creates a client. If another thread changes the environment at that moment, this
fails with "dictionary changed size during iteration". Loading certificates also takes longer than a request, and plain
HTTP does not need them. So tests use these functions, never those of httpx (see tests/unit/test_rules.py).
"""

from functools import partial
from typing import Any, Final

import httpx

TIMEOUT_SEC: Final = 60
"""Longer than any response takes on a busy machine; the default of httpx is 5."""
client: Final = partial(httpx.Client, trust_env=False, verify=False, timeout=TIMEOUT_SEC)
"""Create an `httpx.Client`."""


def request(method: str, url: str, **options: Any) -> httpx.Response:
    """Send one request on a new connection; `options` are those of `httpx.request`."""
    return httpx.request(method, url, **{"timeout": TIMEOUT_SEC, **options}, trust_env=False, verify=False)


get: Final = partial(request, "GET")
head: Final = partial(request, "HEAD")
post: Final = partial(request, "POST")
put: Final = partial(request, "PUT")
delete: Final = partial(request, "DELETE")
options: Final = partial(request, "OPTIONS")
