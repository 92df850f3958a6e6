"""The commands of docs/how-to/production.md work in their order, on a fresh PostgreSQL and behind a real nginx.

Four programs are replaced, because the test must not change the machine: `useradd` and `chown` do nothing, `sudo`
changes no user, and `systemctl` starts the `ExecStart` of the unit. Folders of the machine become folders below the
test's own. The commands that install packages are not run; `make wheel` installs the wheels in the same way.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.docs.clusters import Cluster, fresh_cluster
from tests.docs.documents import read
from tests.docs.shell import run_script
from tests.nginx import running_nginx
from tests.servers import TALKMETER, free_port

pytestmark = pytest.mark.timeout(600)

PAGE: Final = read("docs/how-to/production.md")
[SERVERS] = read("docs/how-to/proxy.md").blocks("nginx")
UNIT: Final = next(block for block in read("docs/how-to/install.md").blocks("") if block.startswith("[Unit]"))
HOST: Final = "usage.example.com"
CALL: Final = "9. Add an organization and send a call"
DRILL: Final = "11. Try a restore"
MODES: Final = "13. Check the modes of the files"
PLACES: Final = (
    "/opt/talkmeter",
    "/var/lib/talkmeter",
    "/var/backups",
    "/usr/local/sbin",
    "/etc/systemd",
    "/etc/cron.d",
    "/root",
)
REPLACED: Final = {
    "useradd": "true",
    "chown": "true",
    "sudo": """[ "$1" = -u ] || exit 1
[ "$2" = postgres ] && export PGHOST={socket} PGUSER=postgres
shift 2
exec "$@"
""",
    "systemctl": """unit={root}/etc/systemd/system/talkmeter.service
case $1 in
enable|start)
    cd "$(sed -n 's/^WorkingDirectory=//p' "$unit")"
    export TALKMETER_PORT={port}
    rm -f {root}/stopped
    (
        $(sed -n 's/^ExecStart=//p' "$unit") &
        echo $! > {root}/server.pid
        wait $!
        touch {root}/stopped
    ) >> {root}/server.log 2>&1 &;;
stop)
    kill "$(cat {root}/server.pid)"
    until [ -e {root}/stopped ]; do sleep 0.1; done;;
esac
""",
}


class Machine(NamedTuple):
    """A folder that takes the place of an empty machine."""

    root: Path
    cluster: Cluster
    port: int
    curl: str

    def here(self, text: str) -> str:
        """Return commands or a file with the places of this machine."""
        local = self.cluster.here(text, "127.0.0.1").replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        for place in PLACES:
            local = local.replace(place, f"{self.root}{place}")
        return local

    def prepare(self) -> None:
        """Make the folders that every machine has, the replaced programs, and what steps 1, 2 and 7 tell to install."""
        for place in ("var/lib", "var/backups", "usr/local/sbin", "etc/systemd/system", "etc/cron.d", "root", "bin"):
            (self.root / place).mkdir(parents=True)
        (self.root / "opt/talkmeter/.venv").mkdir(parents=True)
        (self.root / "opt/talkmeter/.venv/bin").symlink_to(TALKMETER.parent)
        for name, script in REPLACED.items():
            program = self.root / "bin" / name
            text = script.format(root=self.root, port=self.port, socket=self.cluster.socket)
            program.write_text(f"#!/bin/sh\n{text}")
            program.chmod(0o755)
        (self.root / "etc/systemd/system/talkmeter.service").write_text(self.here(UNIT))

    def run(self, block: str) -> str:
        """Run a block of the page in a new shell; return what it printed."""
        path = f"{self.root}/bin:{self.root}/usr/local/sbin:{self.cluster.programs}"
        head = f'PATH="{path}:$PATH"\ncurl() {{ command {self.curl} "$@"; }}\n'
        return run_script(head + self.here(block), self.root, {})

    def walk(self) -> dict[str, list[str]]:
        """Run everything once; return the output of each section's blocks."""
        titles = [line.removeprefix("## ") for line in PAGE.text.splitlines() if line.startswith("## ")]
        blocks = {title: PAGE.section(title).blocks("sh") for title in titles}
        # The page restores for good in place of removing the copy.
        restore, remove, replace = blocks[DRILL]
        blocks[DRILL] = [restore, remove, restore, replace]
        # With a connector, the restore depends on the secret key.
        blocks[CALL].append("talkmeter connectors add --org acme --provider signed --generate")
        return {title: [self.run(block) for block in of_section] for title, of_section in blocks.items()}


class Walk(NamedTuple):
    """The machine after all commands of the page, and the output of each section's blocks."""

    machine: Machine
    printed: dict[str, list[str]]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, memory: Path) -> Iterator[Walk]:
    root, port = tmp_path_factory.mktemp("machine"), free_port()
    with (
        fresh_cluster(memory) as cluster,
        running_nginx(tmp_path_factory.mktemp("nginx"), SERVERS, HOST, f"http://127.0.0.1:{port}") as nginx,
    ):
        machine = Machine(root, cluster, port, nginx.curl)
        machine.prepare()
        try:
            yield Walk(machine, machine.walk())
        finally:
            if (root / "server.pid").exists() and not (root / "stopped").exists():
                machine.run("systemctl stop talkmeter")


def test_service_is_ready_and_uses_the_settings_of_the_file(walk: Walk) -> None:
    *_, started = walk.printed["7. Start the service"]

    assert '{"status":"ready"' in started
    assert "https://usage.example.com" in walk.printed["5. Write the settings"][-1]


def test_call_is_accepted_through_the_proxy_and_counted(walk: Walk) -> None:
    printed, _ = walk.printed[CALL]

    receipt, _ = json.JSONDecoder().raw_decode(printed, printed.index("{"))
    assert receipt["accepted"] == 1
    assert printed.splitlines()[-1].startswith("https://usage.example.com/")


def test_backup_restores_with_the_secret_key(walk: Walk) -> None:
    first, _, second, _ = walk.printed[DRILL]

    for drill in (first, second):
        assert "1 organization verified" in drill
        assert "Encrypted again: 0 of 1 connectors.\nThe first key decrypts all secrets" in drill


def test_restored_database_serves_the_same_figures(walk: Walk) -> None:
    *_, restored = walk.printed[DRILL]
    sent, _ = walk.printed[CALL]
    summary = walk.machine.run("talkmeter summary --org acme --from 2026-11-22 --to 2026-11-23")

    assert '{"status":"ready"' in restored
    assert "Total calls    1" in summary
    assert summary in sent


def test_modes_are_as_the_page_says(walk: Walk) -> None:
    expected = {name.strip("`"): mode for name, mode, *_ in PAGE.section(MODES).rows() if name.endswith("`")}
    folder = walk.machine.root / "var/backups/talkmeter"

    assert len(expected) == 4
    assert {name: mode_of(walk.machine.root / name[1:]) for name in expected} == expected
    assert [mode_of(folder), *map(mode_of, folder.glob("*"))] == ["700", "600"]


def mode_of(file: Path) -> str:
    return f"{stat.S_IMODE(file.stat().st_mode):o}"
