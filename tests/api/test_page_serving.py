"""Serving the page: its security policy and nonce, its assets and their caching, and no other files."""

import gzip
import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from talkmeter.api.compression import best_coding
from talkmeter.api.page import PAGE_FOLDER, POLICY
from tests import local_http
from tests.page_server import running_page_server
from tests.servers import running_server

SCRIPT = b"console.log('" + b"talkmeter " * 200 + b"')"
HTML = b"""<!doctype html>
<meta property="csp-nonce" nonce="__TALKMETER_NONCE__"><script src="/assets/main-1a2b.js"></script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    assets = folder / "page" / "assets"
    assets.mkdir(parents=True)
    (folder / "secret.js").write_text("not part of the page")
    (folder / "page" / "index.html").write_bytes(HTML)
    (folder / "page" / "icon.svg").write_text("<svg/>")
    (folder / "page" / ".source").write_text("hash")
    (folder / "page" / "manifest.json").write_text("{}")
    (assets / "main-1a2b.js").write_bytes(SCRIPT)
    (assets / "main-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (assets / "main-1a2b.js.br").write_bytes(b"as if it were brotli")
    (assets / "main-1a2b.js.map").write_text("{}")
    (assets / "plain-3c4d.css").write_text("body {}")
    (assets / ".hidden.js").write_text("hidden")
    with running_page_server(folder / "page", folder) as url:
        yield url


def raw(url: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return the response to a raw path, with its body undecoded."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/organization/usage",
        "/organization/usage/connectors",
        "/organization",
        "/organization/what/is/this",
        "/organization/",
    ],
)
def test_every_path_below_organization_is_the_page(page: str, path: str) -> None:
    answer = local_http.get(f"{page}{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert b"/assets/main-1a2b.js" in answer.content


def test_root_redirects_to_the_page(page: str) -> None:
    answer = local_http.get(page)
    assert answer.status_code == 302
    assert answer.headers["location"] == "/organization/usage"


def test_each_response_has_its_own_nonce_in_policy_and_page(page: str) -> None:
    nonces = set()
    for _ in range(3):
        answer = local_http.get(f"{page}/organization/usage")
        found = re.search(r"'nonce-([A-Za-z0-9_-]{20,})'", answer.headers["content-security-policy"])
        assert found is not None
        nonces.add(found[1])
        assert answer.headers["content-security-policy"] == POLICY.format(nonce=found[1])
        assert f'nonce="{found[1]}"'.encode() in answer.content
        assert b"__TALKMETER_NONCE__" not in answer.content
    assert len(nonces) == 3


def test_policy_blocks_other_hosts_and_framing(page: str) -> None:
    policy = local_http.get(f"{page}/organization/usage").headers["content-security-policy"]
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["connect-src"] == "'self'"
    assert re.fullmatch("'self' 'nonce-[A-Za-z0-9_-]{20,}'", directives["script-src"])
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert "unsafe" not in policy


def test_head_answers_like_get_without_a_body(page: str) -> None:
    for path in ("/organization/usage", "/assets/main-1a2b.js"):
        answer = local_http.head(f"{page}{path}")
        assert answer.status_code == 200
        assert answer.content == b""


@pytest.mark.parametrize("path", ["/organization/usage", "/assets/main-1a2b.js", "/assets/none.js", "/", "/session"])
def test_every_response_has_the_security_headers(page: str, path: str) -> None:
    headers = local_http.get(f"{page}{path}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_page_without_a_build_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with running_page_server(tmp_path / "empty", tmp_path) as url:
        answer = local_http.get(f"{url}/organization/usage")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert "make install" in answer.json()["detail"]
        assert local_http.get(f"{url}/assets/main-1a2b.js").status_code == 404
        assert local_http.get(f"{url}/session").status_code == 200


def test_asset_may_be_cached_forever(page: str) -> None:
    status, headers, body = raw(page, "/assets/main-1a2b.js")
    assert status == 200
    assert body == SCRIPT
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in headers


def test_asset_is_sent_in_the_best_accepted_encoding(page: str) -> None:
    _, headers, body = raw(page, "/assets/main-1a2b.js", Accept_Encoding="gzip, deflate, br, zstd")
    assert headers["content-encoding"] == "br"
    assert body == b"as if it were brotli"
    _, headers, body = raw(page, "/assets/main-1a2b.js", Accept_Encoding="gzip")
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == SCRIPT
    _, headers, body = raw(page, "/assets/plain-3c4d.css", Accept_Encoding="br")
    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", None),
        ("br", "br"),
        ("gzip, br", "br"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("identity", None),
        ("br;q=2", None),
        ("br;level=4", None),
        ("gzip;q=1.000, br; q=0.001", "gzip"),
        (",,;q=1,", None),
    ],
)
def test_accept_encoding_is_negotiated(header: str, encoding: str | None) -> None:
    assert best_coding(header, ("br", "gzip")) == encoding


def test_root_file_is_served_and_revalidated(page: str) -> None:
    answer = local_http.get(f"{page}/icon.svg")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../secret.js",
        "/assets/..%2f..%2fsecret.js",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/..%5c..%5csecret.js",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/main-1a2b.js%00",
        "/assets/main-1a2b.js/",
        "/assets/main-1a2b.js.map",
        "/assets/main-1a2b.js.gz",
        "/assets/.hidden.js",
        "/assets/",
        "/assets",
        "/assets/%ff",
        "/.source",
        "/manifest.json",
        "/index.html",
        "/../secret.js",
    ],
)
def test_only_files_of_the_page_are_served(page: str, path: str) -> None:
    status, headers, body = raw(page, path)
    assert status in (400, 404) or body == SCRIPT
    assert b"not part of the page" not in body
    assert status == 200 or headers["content-type"] == "application/problem+json"


def test_built_page_references_only_existing_assets(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        html = local_http.get(f"{server.url}/organization/usage").text
        named = re.findall(r'(?:src|href)="([^"]+)"', html)
        assert named
        assert "__TALKMETER_NONCE__" not in html
        for path in named:
            answer = local_http.get(f"{server.url}{path}")
            assert answer.status_code == 200, path
            assert "immutable" in answer.headers["cache-control"]


def test_built_page_has_compressed_scripts_and_no_source_maps() -> None:
    files = {file.name for file in (PAGE_FOLDER / "assets").iterdir()}
    assert not [name for name in files if name.endswith(".map")]
    scripts = [name for name in files if name.endswith((".js", ".css"))]
    assert scripts
    large = [name for name in scripts if (PAGE_FOLDER / "assets" / name).stat().st_size > 1_000]
    assert {f"{name}{ending}" for name in large for ending in (".br", ".gz")} <= files
