"""The size of the page, by the build's manifest, in bytes compressed with gzip -9."""

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


def initial_chunks(manifest: Manifest) -> list[str]:
    """Return the entry and its static imports."""
    chunks = [name for name, chunk in manifest.items() if chunk.get("isEntry")]
    for name in chunks:
        chunks += [other for other in manifest[name].get("imports", []) if other not in chunks]
    return chunks


def weight(files: set[str]) -> int:
    return sum(len(gzip.compress((PAGE_FOLDER / file).read_bytes(), 9)) for file in files)


def test_first_bundle_is_within_its_limits(manifest: Manifest) -> None:
    first = initial_chunks(manifest)
    assert weight({manifest[name]["file"] for name in first}) <= MAX_AT_FIRST
    assert weight({file for name in first for file in manifest[name].get("css", [])}) <= MAX_STYLES


def test_page_needs_one_script_and_one_style_sheet_first(manifest: Manifest) -> None:
    first = initial_chunks(manifest)
    assert len({manifest[name]["file"] for name in first}) == 1
    assert len({file for name in first for file in manifest[name].get("css", [])}) == 1


def test_all_javascript_is_within_its_limit(manifest: Manifest) -> None:
    assert weight({chunk["file"] for chunk in manifest.values() if chunk["file"].endswith(".js")}) <= MAX_SCRIPT


def test_lazy_chunks_are_not_in_the_first_bundle(manifest: Manifest) -> None:
    lazy = {
        "src/range/RangePicker.tsx",
        "src/charts/Drawing.tsx",
        "src/breakdown/BreakdownSection.tsx",
        "src/costs/CostsAndBudgets.tsx",
        "src/costs/CostPlot.tsx",
        "src/records/RecordsDrawer.tsx",
        "src/export/ExportMenu.tsx",
        "src/session/SignIn.tsx",
        "src/operator/Operator.tsx",
        "src/connectors/ConnectorsReport.tsx",
    }
    assert lazy <= manifest.keys()
    assert lazy.isdisjoint(initial_chunks(manifest))


def test_build_has_no_source_maps(manifest: Manifest) -> None:
    assert manifest
    assert list(PAGE_FOLDER.rglob("*.map")) == []
