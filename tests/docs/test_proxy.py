"""The nginx configuration of docs/how-to/proxy.md works with a real nginx and a real server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Final, NamedTuple

import pytest

from tests import local_http
from tests.docs.documents import read
from tests.docs.shell import run_script
from tests.nginx import Nginx, running_nginx
from tests.servers import Server, running_server

PAGE = read("docs/how-to/proxy.md")
[SERVERS] = PAGE.blocks("nginx")
[CHECK] = PAGE.blocks("sh")
HOST: Final = "usage.example.com"
URL: Final = f"https://{HOST}"
HSTS: Final = "Strict-Transport-Security: max-age=31536000"


class Proxied(NamedTuple):
    """A server behind nginx, and an admin key of its organization."""

    server: Server
    nginx: Nginx
    key: str
    folder: Path

    def run(self, script: str) -> str:
        """Run a script in which `curl` reaches nginx under the host's name; return its stdout."""
        return run_script(f'curl() {{ command {self.nginx.curl} "$@"; }}\n{script}', self.folder, {"KEY": self.key})


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("proxy")
    with (
        running_server(folder, public_url=URL, max_body_bytes=str(16 << 20)) as server,
        running_nginx(folder, SERVERS, HOST, server.url) as nginx,
    ):
        server.cli("orgs", "add", "acme")
        yield Proxied(server, nginx, server.cli("keys", "add", "--org", "acme", "--role", "admin"), folder)


def test_checks_of_the_page_print_what_it_says(proxied: Proxied) -> None:
    ready, http, *metrics = [proxied.run(line) for line in CHECK.splitlines()]

    assert ready.startswith('{"status":"ready"')
    assert http.splitlines()[0].split()[1] == "301"
    assert [head.splitlines()[0].split()[1] for head in metrics] == ["404", "404"]
    assert len(metrics) == 2


def test_http_is_redirected_to_the_same_address(proxied: Proxied) -> None:
    head = proxied.run(f"curl -I 'http://{HOST}/organization/usage?from=2026-03-01'")

    assert f"Location: {URL}/organization/usage?from=2026-03-01" in head.splitlines()


def test_request_of_the_certificate_authority_is_answered_over_http(proxied: Proxied) -> None:
    (proxied.folder / ".well-known/acme-challenge").mkdir(parents=True)
    (proxied.folder / ".well-known/acme-challenge/token").write_text("proof")

    assert proxied.run(f"curl http://{HOST}/.well-known/acme-challenge/token") == "proof"


def test_post_over_http_fails_instead_of_sending_its_key_unnoticed(proxied: Proxied) -> None:
    sent = f"curl -L -o /dev/null -w '%{{http_code}}' -d '[]' http://{HOST}/metering/events"

    assert proxied.run(sent) == "405"


@pytest.mark.parametrize("path", ["/health/ready", "/", "/admin/usage/summary", "/metrics", "/nothing"])
def test_every_response_tells_browsers_to_use_https(proxied: Proxied, path: str) -> None:
    assert HSTS in proxied.run(f"curl -I {URL}{path}").splitlines()


def test_events_and_exports_pass_with_their_headers(proxied: Proxied) -> None:
    event = (
        '[{"specversion":"1.0","id":"e","source":"/s","type":"agent.updated","time":"2026-03-01T12:00:00Z",'
        '"data":{"id":"ann"}}]'
    )
    send = (
        f"printf '%s' '{event}' | gzip | curl -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' "
        f"-H 'Content-Encoding: gzip' --data-binary @- {URL}/metering/events"
    )
    export = f'curl -H "Authorization: Bearer $KEY" "{URL}/admin/usage/export?of=daily&format=csv"'

    assert '"accepted":1' in proxied.run(send)
    assert proxied.run(export).startswith("\ufeffday,")


def test_body_of_the_largest_size_is_accepted(proxied: Proxied) -> None:
    send = (
        "(printf '['; head -c $((16 * 1024 * 1024 - 2)) /dev/zero | tr '\\0' ' '; printf ']') > largest.json; "
        "curl -o answer -w '%{http_code}' -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' "
        f"--data-binary @largest.json {URL}/metering/events"
    )

    assert proxied.run(send) == "200"


@pytest.fixture
def slow_upstream() -> Iterator[tuple[str, Event]]:
    """A server that answers when the event is set."""
    may_answer = Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            may_answer.wait(60)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(upstream.serve_forever)
        yield f"http://127.0.0.1:{upstream.server_port}", may_answer
        may_answer.set()
        upstream.shutdown()
    upstream.server_close()


def test_metrics_are_answered_with_their_token_if_the_line_is_removed(tmp_path: Path) -> None:
    hidden = "    location ^~ /metrics { return 404; }\n"
    assert hidden in SERVERS
    servers = SERVERS.replace(hidden, "")
    with (
        running_server(tmp_path, public_url=URL, metrics_token="a-token-of-the-tests") as server,
        running_nginx(tmp_path, servers, HOST, server.url) as nginx,
    ):
        assert status(nginx, "/metrics") == 403
        assert status(nginx, "/metrics", Authorization="Bearer a-token-of-the-tests") == 200


def test_only_exports_may_take_longer_than_other_requests(slow_upstream: tuple[str, Event], tmp_path: Path) -> None:
    upstream, may_answer = slow_upstream
    with (
        running_nginx(tmp_path, SERVERS, HOST, upstream, "proxy_read_timeout 1s;") as nginx,
        ThreadPoolExecutor(1) as pool,
    ):
        get = partial(status, nginx)
        export = pool.submit(get, "/admin/usage/export?of=daily")
        try:
            assert get("/admin/usage/summary") == 504
        finally:
            may_answer.set()
        assert export.result(60) == 200


def status(nginx: Nginx, path: str, **headers: str) -> int:
    address = f"https://127.0.0.1:{nginx.https_port}{path}"
    return local_http.get(address, headers={"Host": HOST, **headers}).status_code
