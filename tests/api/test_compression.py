"""Answers are compressed as the client accepts, with the same content, ETags for each coding, and HEAD."""

import gzip
import json
import sys
from collections.abc import Callable

import httpx
import pytest

from tests.api.march_usage import WINDOW
from tests.api.organizations import SUMMARY, OrganizationClient
from tests.api.queries import USAGE, Query

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

YEAR: Query = {"from": "2026-01-01", "to": "2027-01-01"}
DECOMPRESS: dict[str | None, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstd.decompress, None: bytes}
LARGE = {
    "summary": ("summary", YEAR),
    "series": ("series", {**YEAR, "interval": "day"}),
    "breakdown": ("breakdown", {**YEAR, "by": "agent", "interval": "day"}),
    "records": ("records", {**WINDOW, "kind": "conversation"}),
}


def fetch(
    org: OrganizationClient, path: str, query: Query, accepted: str, **headers: str
) -> tuple[httpx.Response, bytes]:
    """Return a response and its body as sent."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    with org.client.stream("GET", path, params=query, headers={"Accept-Encoding": accepted, **names}) as response:
        body = b"".join(response.iter_raw())
    return response, body


@pytest.mark.parametrize(("endpoint", "query"), LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_large_answers_are_compressed_with_the_same_content(
    known: OrganizationClient, endpoint: str, query: Query, coding: str
) -> None:
    plain, whole = fetch(known, f"{USAGE}/{endpoint}", query, "identity")
    response, body = fetch(known, f"{USAGE}/{endpoint}", query, coding)
    assert "Content-Encoding" not in plain.headers
    assert response.headers["Content-Encoding"] == coding
    assert int(response.headers["Content-Length"]) == len(body) < len(whole) / 2
    assert DECOMPRESS[coding](body) == whole
    assert "Accept-Encoding" in response.headers["Vary"].split(", ")
    assert response.headers["Vary"] == plain.headers["Vary"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "gzip"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("GZIP", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *;q=0.1", "gzip"),
        ("br", None),
        ("gzip;q=0", None),
        ("", None),
        ("gzip;q=high", None),
    ],
)
def test_best_accepted_coding_is_used(known: OrganizationClient, accepted: str, coding: str | None) -> None:
    response, body = fetch(known, SUMMARY, YEAR, accepted)
    assert response.headers.get("Content-Encoding") == coding
    assert json.loads(DECOMPRESS[coding](body))["total_calls"] == 9


def test_small_answer_is_not_compressed(known: OrganizationClient) -> None:
    small, body = fetch(known, f"{USAGE}/inventory", {"kind": "dataset"}, "gzip, zstd")
    assert len(body) < 1_024
    assert "Content-Encoding" not in small.headers


def test_each_coding_has_its_own_etag_and_304(known: OrganizationClient) -> None:
    tags = {}
    for accepted in ("identity", "gzip", "zstd"):
        first, body = fetch(known, SUMMARY, YEAR, accepted)
        again, same = fetch(known, SUMMARY, YEAR, accepted)
        assert (again.headers["ETag"], same) == (first.headers["ETag"], body)
        unchanged, nothing = fetch(known, SUMMARY, YEAR, accepted, If_None_Match=first.headers["ETag"])
        assert (unchanged.status_code, nothing) == (304, b"")
        assert unchanged.headers["ETag"] == first.headers["ETag"]
        assert unchanged.headers["Vary"] == first.headers["Vary"]
        assert "Content-Encoding" not in unchanged.headers
        tags[accepted] = first.headers["ETag"]
    assert len(set(tags.values())) == 3
    other, _ = fetch(known, SUMMARY, YEAR, "gzip", If_None_Match=tags["zstd"])
    assert (other.status_code, other.headers["Content-Encoding"]) == (200, "gzip")


def test_head_has_the_headers_of_the_compressed_answer(known: OrganizationClient) -> None:
    response, body = fetch(known, SUMMARY, YEAR, "gzip")
    head = known.client.head(SUMMARY, params=YEAR, headers={"Accept-Encoding": "gzip"})
    assert head.content == b""
    for name in ("ETag", "Content-Encoding", "Content-Length", "Vary"):
        assert head.headers[name] == response.headers[name]
    assert int(head.headers["Content-Length"]) == len(body)


def test_export_is_not_compressed(known: OrganizationClient) -> None:
    response, body = fetch(known, f"{USAGE}/export", {**YEAR, "of": "daily"}, "gzip, zstd")
    assert "Content-Encoding" not in response.headers
    assert int(response.headers["Content-Length"]) == len(body)
    assert body.startswith(b"\xef\xbb\xbfday,")


def test_description_of_the_api_is_compressed_and_revalidated(known: OrganizationClient) -> None:
    _, whole = fetch(known, "/openapi.json", {}, "identity")
    response, body = fetch(known, "/openapi.json", {}, "gzip")
    assert gzip.decompress(body) == whole
    unchanged, _ = fetch(known, "/openapi.json", {}, "gzip", If_None_Match=response.headers["ETag"])
    assert unchanged.status_code == 304
