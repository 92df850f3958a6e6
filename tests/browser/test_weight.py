"""What the page weighs, by the build's manifest; kB of 1000 bytes, compressed by gzip -9."""

import gzip
import json
from typing import Any

import pytest

from talkmeter.api.page import PAGE_FOLDER

Manifest = dict[str, dict[str, Any]]
MAX_AT_FIRST = 130_000
MAX_STYLES = 25_000
MAX_SCRIPT = 380_000


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    read: Manifest = json.loads((PAGE_FOLDER / "manifest.json").read_text())
    return read


def at_first(manifest: Manifest) -> list[str]:
    """The entry and everything it imports before it can run."""
    wanted = [name for name, chunk in manifest.items() if chunk.get("isEntry")]
    for name in wanted:
        wanted += [other for other in manifest[name].get("imports", []) if other not in wanted]
    return wanted


def weight(files: set[str]) -> int:
    return sum(len(gzip.compress((PAGE_FOLDER / file).read_bytes(), 9)) for file in files)


def test_what_the_cards_wait_for_is_light(manifest: Manifest) -> None:
    first = at_first(manifest)
    assert weight({manifest[name]["file"] for name in first}) <= MAX_AT_FIRST
    assert weight({file for name in first for file in manifest[name].get("css", [])}) <= MAX_STYLES


def test_all_script_together_is_bounded(manifest: Manifest) -> None:
    assert weight({chunk["file"] for chunk in manifest.values() if chunk["file"].endswith(".js")}) <= MAX_SCRIPT


def test_neither_calendar_nor_charts_nor_drawer_nor_menu_nor_connectors_are_waited_for(manifest: Manifest) -> None:
    lazy = {
        "src/range/RangePicker.tsx",
        "src/charts/Drawing.tsx",
        "src/drives/Drives.tsx",
        "src/records/RecordsDrawer.tsx",
        "src/export/ExportMenu.tsx",
        "src/session/SignIn.tsx",
        "src/connectors/Connectors.tsx",
    }
    assert lazy <= manifest.keys()
    assert lazy.isdisjoint(at_first(manifest))


def test_the_build_leaves_no_source_map(manifest: Manifest) -> None:
    assert manifest
    assert list(PAGE_FOLDER.rglob("*.map")) == []
