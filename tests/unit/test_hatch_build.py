"""The build hook builds the page if it is missing or its sources have changed since the last build."""

from pathlib import Path
from typing import Any

import pytest

from hatch_build import NODE, PageBuildHook, build_page, hash_sources, is_stale


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a checkout whose page has just been built."""
    (tmp_path / "hatch_build.py").write_text("the hook")
    (tmp_path / "dashboard" / "src" / "api").mkdir(parents=True)
    (tmp_path / "dashboard" / "package-lock.json").write_text("{}")
    (tmp_path / "dashboard" / "src" / "main.tsx").write_text("1")
    page = tmp_path / "src" / "talkmeter" / "page"
    page.mkdir(parents=True)
    (page / ".source").write_text(hash_sources(tmp_path))
    return tmp_path


def hook(root: Path) -> PageBuildHook:
    unused: Any = None
    return PageBuildHook(str(root), {}, unused, unused, "", "wheel")


def test_current_page_is_not_built_again_and_needs_no_node(root: Path) -> None:
    assert not is_stale(root)
    assert hook(root).dependencies() == []
    build_page(root)


@pytest.mark.parametrize("file", ["src/main.tsx", "package-lock.json", "src/new.ts", ".npmrc", "../hatch_build.py"])
def test_changed_or_new_source_makes_the_page_stale(root: Path, file: str) -> None:
    (root / "dashboard" / file).write_text("2")
    assert is_stale(root)
    assert hook(root).dependencies() == [NODE]


def test_deleted_or_renamed_source_makes_the_page_stale(root: Path) -> None:
    main = root / "dashboard" / "src" / "main.tsx"
    main.rename(main.with_name("other.tsx"))
    assert is_stale(root)
    main.with_name("other.tsx").unlink()
    assert is_stale(root)


@pytest.mark.parametrize("file", ["node_modules/react/index.js", "test/a.test.ts", "src/api/schema.d.ts", ".cache/x"])
def test_files_of_npm_tests_and_the_build_do_not_make_the_page_stale(root: Path, file: str) -> None:
    path = root / "dashboard" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("2")
    assert not is_stale(root)


def test_missing_page_is_stale_but_missing_sources_are_not(root: Path) -> None:
    (root / "src" / "talkmeter" / "page" / ".source").unlink()
    assert is_stale(root)
    (root / "dashboard").rename(root / "elsewhere")
    assert not is_stale(root)
