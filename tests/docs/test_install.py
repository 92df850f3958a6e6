"""The service in docs/how-to/install.md may do little, and the requirements for production contain no build tools."""

import re
from configparser import ConfigParser

from tests.docs.documents import ROOT, read

SERVICE = read("docs/how-to/install.md").section("3. Create the service")


def unit() -> ConfigParser:
    """Return the systemd unit of the page."""
    [text] = [block for block in SERVICE.blocks("") if block.startswith("[Unit]")]
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_service_starts_again_without_limit_and_after_its_database() -> None:
    section = unit()["Unit"]

    assert section["StartLimitIntervalSec"] == "0"
    assert section["After"].split() == ["network-online.target", "postgresql.service"]
    assert unit()["Service"]["Restart"] == "always"


def test_service_has_no_privileges() -> None:
    service = unit()["Service"]
    switches = {name for name, value in service.items() if value == "true"}

    assert {"NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateDevices", "PrivateTmp", "ProtectHome"} <= switches
    assert {"ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RestrictNamespaces"} <= switches
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["RestrictAddressFamilies"].split() == ["AF_INET", "AF_INET6", "AF_UNIX"]
    assert service["UMask"] == "0077"


def test_requirements_for_production_contain_no_build_tools() -> None:
    def pinned(name: str) -> set[str]:
        return set(re.findall(r"^([a-z][\w.-]*)==", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    only_in_clones = {"hatchling", "editables", "polyfactory", "faker", "pathspec", "pluggy", "trove-classifiers"}

    assert pinned("run.txt") & only_in_clones == set()
    assert only_in_clones <= pinned("build.txt")
