"""`talkmeter link` and the link of `talkmeter demo`."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests import local_http
from tests.events import conversation
from tests.servers import TALKMETER, Server, environment_for, free_port, run_cli, running_server

DEMO = {"database_url": "sqlite:///talkmeter-demo.db"}
PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("link"), port="8123") as server:
        server.cli("orgs", "add", "acme")
        yield server


def test_link_opens_the_page_with_its_secret_in_the_fragment(server: Server) -> None:
    link = urlsplit(server.cli("link", "--org", "acme"))
    assert (link.scheme, link.netloc, link.path, link.query) == ("http", "127.0.0.1:8123", "/organization/usage", "")
    assert re.fullmatch(r"sign-in=[A-Za-z0-9_-]{43}", link.fragment)


def test_each_link_is_different(server: Server) -> None:
    assert server.cli("link", "--org", "acme") != server.cli("link", "--org", "acme")


def test_link_is_stored_as_a_hash_only(server: Server) -> None:
    secret = server.cli("link", "--org", "acme").partition("#sign-in=")[2]
    assert secret.encode() not in b"".join(file.read_bytes() for file in server.folder.glob("talkmeter.db*"))


def test_concurrent_use_of_a_link_signs_in_once(server: Server) -> None:
    secret = server.cli("link", "--org", "acme").partition("#sign-in=")[2]

    def open_link(_: int) -> int:
        return local_http.post(f"{server.url}/session", json={"link": secret}, headers=PAGE).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(open_link, range(8)))
    assert statuses == [200] + [401] * 7


def test_link_for_an_unknown_organization_is_rejected(server: Server) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1") as refused:
        server.cli("link", "--org", "nobody")
    assert "Organization 'nobody' does not exist" in refused.value.stderr
    assert refused.value.stdout == ""


def test_unknown_role_is_rejected(server: Server) -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 2") as refused:
        server.cli("link", "--org", "acme", "--role", "owner")
    assert "'owner' is not one of 'admin', 'viewer'" in refused.value.stderr


def test_demo_prints_a_link_that_opens_month_to_date(tmp_path: Path) -> None:
    port = free_port()
    environment = {**environment_for(tmp_path, DEMO), "PYTHONUNBUFFERED": "1"}
    fill_almost(tmp_path)
    output = tmp_path / "demo.out"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [str(TALKMETER), "demo", "--port", str(port)], cwd=tmp_path, env=environment, stdout=file, stderr=file
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while not _is_ready(url) and time.monotonic() < deadline:
            time.sleep(0.1)
        found = re.search(r"  (http\S+#sign-in=(\S+))\n", output.read_text())
        assert found is not None, output.read_text()
        link = urlsplit(found[1])
        assert f"{link.scheme}://{link.netloc}" == url
        assert link.path == "/organization/usage"
        assert link.query == "", "without a range the page opens month to date"
        answer = local_http.post(f"{url}/session", json={"link": found[2]}, headers=PAGE)
        assert answer.json()["organizations"] == [{"id": "demo", "name": "Fernhill Home Services"}]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def fill_almost(folder: Path) -> None:
    """Fill a demo database except for the last two days, so that the demo starts faster than with an empty one."""
    now = datetime.now(UTC).isoformat()
    (folder / "call.jsonl").write_text(json.dumps(conversation(organization_id="demo", created_at=now)) + "\n")
    run_cli(folder, environment_for(folder, DEMO), "orgs", "add", "demo")
    run_cli(folder, environment_for(folder, DEMO), "ingest", "call.jsonl")


def _is_ready(url: str) -> bool:
    try:
        return local_http.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False
