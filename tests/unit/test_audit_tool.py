"""`make audit` says what is vulnerable, and never that nothing is if it could not check."""

import os
import subprocess
import sys
from pathlib import Path

from tests.servers import free_port
from tests.unit.prose import ROOT
from tools.audit import LOCK, OFFLINE, REQUIREMENTS, Result, read_npm_audit, read_pip_audit


def test_audit_without_a_network_says_so_and_exits_with_2(tmp_path: Path) -> None:
    nothing = f"http://127.0.0.1:{free_port()}"
    names = ("http_proxy", "https_proxy", "all_proxy", "npm_config_proxy", "npm_config_https_proxy")
    proxies = {key: nothing for name in names for key in (name, name.upper())}
    environment = {
        **{name: value for name, value in os.environ.items() if name.lower() != "no_proxy"},
        **proxies,
        "npm_config_fetch_retries": "0",
        "PIP_CACHE_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "audit.py"], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"{REQUIREMENTS}: not checked, because pip-audit could not read the list of vulnerabilities.",
        f"{LOCK}: not checked, because npm audit could not read the list of vulnerabilities.",
        OFFLINE,
    ]


def test_package_that_pip_audit_skips_is_not_checked() -> None:
    checked = '{"name": "rich", "version": "1", "vulns": []}'
    output = f'{{"dependencies": [{{"name": "idna", "skip_reason": "not found"}}, {checked}]}}'

    assert read_pip_audit(output) == Result([], ["not checked: idna."])


def test_vulnerable_python_package_is_named_with_the_version_to_install() -> None:
    flaw = '{"id": "PYSEC-2024-60", "fix_versions": ["3.7"], "aliases": [], "description": "slow"}'
    output = f'{{"dependencies": [{{"name": "idna", "version": "3.6", "vulns": [{flaw}]}}], "fixes": []}}'

    assert read_pip_audit(output) == Result(["idna 3.6 has PYSEC-2024-60; fixed in: 3.7."], [])


def test_vulnerable_npm_package_is_named() -> None:
    package = '{"name": "dayjs", "severity": "high", "via": [], "range": "<1.9", "fixAvailable": true}'

    assert read_npm_audit(f'{{"auditReportVersion": 2, "vulnerabilities": {{"dayjs": {package}}}}}') == Result(
        ["dayjs <1.9 has a vulnerability (high)."], []
    )
    assert read_npm_audit('{"auditReportVersion": 2, "vulnerabilities": {}}') == Result([], [])
