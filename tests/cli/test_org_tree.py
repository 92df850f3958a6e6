"""`talkmeter orgs add --parent`: a tree without cycles, and what a merge or a deletion does to it."""

import json

import pytest

from tests.cli.terminal import Terminal
from tests.events import conversation, event

WINDOW = ("--from", "2026-03-01", "--to", "2026-03-02")
EVENTS = [conversation(f"call-{org_id}", organization_id=org_id) for org_id in ("agency", "north", "south", "shop")]


@pytest.fixture
def tree(terminal: Terminal) -> Terminal:
    """A terminal with an agency, two customers of it, and a shop of the first one."""
    terminal.run("ingest", terminal.file("events.jsonl", *EVENTS))
    for child, parent in (("north", "agency"), ("south", "agency"), ("shop", "north")):
        terminal.run("orgs", "add", child, "--parent", parent)
    return terminal


def calls_below(terminal: Terminal, org_id: str) -> int:
    total: int = json.loads(terminal.run("summary", "--org", org_id, "--subtree", *WINDOW, "--json"))["total_calls"]
    return total


def test_subtree_includes_all_levels_and_the_table_names_each_organization(tree: Terminal) -> None:
    assert [calls_below(tree, org_id) for org_id in ("agency", "north", "shop")] == [4, 2, 1]
    table = tree.run("breakdown", "--org", "agency", "--by", "organization", *WINDOW)
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["agency", "north", "shop", "south", "total"]
    assert ["shop", "north"] in [line.split() for line in tree.run("orgs", "list").splitlines()]


@pytest.mark.parametrize(
    ("child", "parent", "sentence"),
    [
        ("agency", "shop", "Organization 'shop' is below 'agency', so it cannot be the parent of 'agency'."),
        ("shop", "shop", "Organization 'shop' is the same organization, so it cannot be the parent of 'shop'."),
        ("shop", "nobody", "Organization 'nobody' does not exist, so it cannot be the parent of 'shop'."),
    ],
)
def test_parent_that_makes_no_tree_is_refused_with_a_sentence(
    tree: Terminal, child: str, parent: str, sentence: str
) -> None:
    assert tree.error("orgs", "add", child, "--parent", parent) == sentence
    assert calls_below(tree, "agency") == 4


def test_parent_is_moved_and_removed_and_both_are_in_the_audit_log(tree: Terminal) -> None:
    tree.run("orgs", "add", "shop", "--parent", "south")
    assert [calls_below(tree, org_id) for org_id in ("north", "south")] == [1, 2]
    tree.run("orgs", "add", "south", "--parent", "")
    assert calls_below(tree, "agency") == 2
    rows = tree.rows("SELECT org_id, detail FROM audit WHERE action = 'organization.parent' ORDER BY at")
    assert rows[-2:] == [("shop", "south"), ("south", "")]


def test_command_outranks_an_event_of_the_future(tree: Terminal) -> None:
    claim = event("organization.updated", {"id": "south", "parent_id": "shop"}, time="2099-01-01T00:00:00Z")
    tree.run("ingest", tree.file("claim.jsonl", claim))
    assert calls_below(tree, "shop") == 2

    tree.run("orgs", "add", "south", "--parent", "agency")

    assert (calls_below(tree, "shop"), calls_below(tree, "agency")) == (1, 4)


def test_children_of_a_merged_organization_belong_to_the_other_one(tree: Terminal) -> None:
    tree.run("orgs", "merge", "north", "--into", "south", "--yes")

    assert [calls_below(tree, org_id) for org_id in ("agency", "south")] == [4, 3]
    assert tree.error("orgs", "add", "agency", "--parent", "shop").startswith("Organization 'shop' is below 'agency'")
    assert tree.error("orgs", "add", "agency", "--parent", "north") == (
        "Organization 'north' is closed (merged), so it cannot be the parent of 'agency'."
    )


def test_deleted_organization_leaves_the_tree_and_its_children_keep_their_usage(tree: Terminal) -> None:
    tree.run("orgs", "delete", "north", "--yes")

    assert [calls_below(tree, org_id) for org_id in ("agency", "shop")] == [2, 1]
    assert tree.rows("SELECT org_id FROM organization_parent ORDER BY org_id") == [("shop",), ("south",)]
