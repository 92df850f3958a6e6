"""The files of deploy/ agree with the pages and the settings, and the containers' steps work without containers.

No image is built and no container is started: a developer's machine needs no container engine. Instead, the commands
of docs/how-to/containers.md write the settings, roles.sh runs on a real PostgreSQL, and `migrate` and `serve` run with
these settings. `make wheel` installs the wheels as the Dockerfile does.
"""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
import pytest
from psycopg import sql

from talkmeter.settings import SETTINGS
from tests.docs.clusters import Cluster, fresh_cluster
from tests.docs.documents import ROOT, read
from tests.docs.shell import run_script, run_steps_with_server
from tests.servers import free_port

DEPLOY: Final = ROOT / "deploy"
CONTAINERS: Final = read("docs/how-to/containers.md")
INSTALL: Final = read("docs/how-to/install.md")
PROXY: Final = read("docs/how-to/proxy.md")
HOME: Final = "/var/lib/talkmeter"
FILES: Final = ("owner/.env", "owner/owner.pgpass", "server/.env", "server/talkmeter.pgpass", "database.env")


def text_of(name: str) -> str:
    return (DEPLOY / name).read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """compose.yaml with what the services of Talkmeter share in each of them."""
    services: dict[str, Any] = msgspec.yaml.decode(text_of("compose.yaml"))["services"]
    return services


def test_unit_and_nginx_configuration_are_those_of_the_pages() -> None:
    assert text_of("talkmeter.service") in INSTALL.blocks("")
    assert [text_of("nginx.conf")] == PROXY.blocks("nginx")
    assert [text_of("Caddyfile")] == PROXY.blocks("caddy")


def test_caddy_hides_and_forwards_what_nginx_does() -> None:
    nginx, caddy = text_of("nginx.conf"), text_of("Caddyfile")

    assert set(re.findall(r"127\.0\.0\.1:\d+", caddy)) == set(re.findall(r"127\.0\.0\.1:\d+", nginx))
    for shared in ("usage.example.com", "/metrics", "404", "/admin/usage/export", "30m", "max-age=31536000"):
        assert shared in nginx
        assert shared in caddy


def test_image_installs_the_pinned_wheels_as_the_page_does() -> None:
    dockerfile = text_of("Dockerfile")
    commands = re.findall(r"(/opt\S*/pip install [^\\\n]*?) \\", dockerfile)
    installed = [command.replace(" --no-cache-dir", "") for command in commands]

    page = "\n".join(INSTALL.section("2. Install it").blocks("")).replace("requirements/", "").replace("dist/", "")
    assert len(installed) == 2
    assert set(installed) <= set(page.splitlines())
    for source in re.findall(r"^!(.*)$", text_of("Dockerfile.dockerignore"), re.MULTILINE):
        assert source in {"dist/*.whl", "requirements/run.txt"}


def test_image_runs_as_a_user_and_is_healthy_when_the_server_is_ready() -> None:
    dockerfile = text_of("Dockerfile")

    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["talkmeter"]
    assert "--uid 10001" in dockerfile
    assert "chown -R 10001 owner server" in CONTAINERS.blocks("sh")[0]
    assert "http://127.0.0.1:8000/health/ready" in dockerfile
    assert set(re.findall(r"TALKMETER_\w+", dockerfile)) <= {setting.variable for setting in SETTINGS}


def test_containers_of_talkmeter_can_change_nothing_but_the_database(compose: dict[str, Any]) -> None:
    for name in ("migrate", "server"):
        service = compose[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert [volume.rpartition(":")[2] for volume in service["volumes"]] == ["ro"]
    assert compose["server"]["volumes"] != compose["migrate"]["volumes"]


def test_only_loopback_reaches_the_server_and_nothing_the_database(compose: dict[str, Any]) -> None:
    assert compose["server"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in compose["database"]


def test_server_starts_after_the_migration_of_a_ready_database(compose: dict[str, Any]) -> None:
    assert compose["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert compose["server"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert compose["server"]["stop_grace_period"] == "90s"


class Written(NamedTuple):
    """A folder with the files that the page's commands have written, and a PostgreSQL prepared by roles.sh."""

    folder: Path
    cluster: Cluster


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, memory: Path) -> Iterator[Written]:
    folder = tmp_path_factory.mktemp("containers")
    [commands] = CONTAINERS.blocks("sh")
    run_script(f"chown() {{ :; }}\n{commands}", folder, {})
    with fresh_cluster(memory) as cluster:
        variables = dict(line.split("=", 1) for line in (folder / "database.env").read_text().splitlines())
        create_database(cluster, variables["POSTGRES_PASSWORD"])
        for name in FILES:
            file = folder / name
            here = cluster.here(file.read_text(), "database").replace(HOME, str(file.parent))
            file.write_text(here)
        # In the image, the socket needs no password.
        environment = {**variables, "PGHOST": cluster.socket, "PGPASSWORD": variables["POSTGRES_PASSWORD"]}
        run_script(f'PATH="{cluster.programs}:$PATH"\nsh {DEPLOY / "roles.sh"}', folder, environment)
        yield Written(folder, cluster)


def create_database(cluster: Cluster, password: str) -> None:
    """Do what the image of PostgreSQL does before it runs roles.sh."""
    with cluster.superuser() as connection:
        connection.execute(sql.SQL("CREATE ROLE usage_owner SUPERUSER LOGIN PASSWORD {}").format(password))
        connection.execute("CREATE DATABASE usage OWNER usage_owner")


def test_secrets_are_only_in_files_that_one_user_can_read(written: Written) -> None:
    modes = {name: stat.S_IMODE((written.folder / name).stat().st_mode) for name in FILES}
    assert set(modes.values()) == {0o600}
    assert "usage_owner" not in (written.folder / "server/.env").read_text()


def test_migrate_and_serve_work_with_the_settings_of_the_page(written: Written) -> None:
    start = "cd owner && talkmeter migrate && cd ../server\ntalkmeter serve &\n"
    ready = "curl --silent --fail http://127.0.0.1:8000/health/ready"

    [answer, added] = run_steps_with_server(
        start, [ready, 'talkmeter orgs add acme --name "Acme Ltd"'], written.folder, free_port()
    )

    assert '"ready"' in answer
    assert "acme" in added


def test_role_of_the_server_cannot_change_tables(written: Written) -> None:
    url = (written.folder / "server/.env").read_text().splitlines()[0].partition("=")[2]
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (id int)")
