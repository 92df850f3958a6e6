"""Merging and deleting organizations: calls stay whole, closed organizations accept nothing, runs can continue."""

from itertools import islice

import pytest
from msgspec.structs import replace

from talkmeter import clock
from talkmeter.db.audit import Actor, read_audit
from talkmeter.db.engine import reading, writing
from talkmeter.errors import OperationFailed, OrganizationClosed
from talkmeter.ledger.batch import CallReport, OrgBatch
from talkmeter.ledger.closing import (
    begin_delete,
    begin_merge,
    count_usage_rows,
    finish_delete,
    finish_merge,
    reopen,
)
from talkmeter.ledger.delete import delete_usage
from talkmeter.ledger.merge import merge_usage
from talkmeter.ledger.organizations import Closed, find_organization
from talkmeter.records import State
from tests.events import Json, conversation, event, run
from tests.store.call_reports import AGENT, LEG, LINE, report
from tests.store.ledger import ORG, Ledger, make_batches, make_snapshot

OLD = "old"
ROOT = Actor("operator", "root")
EVERY_KIND = [
    conversation("call-1", agent_number="+1"),
    conversation("call-1", status="ringing", duration=None) | {"time": "2026-03-01T11:00:00Z"},
    run("run-1"),
    *(event(f"{noun}.updated", {"id": "x"}) for noun in ("agent", "phone_number", "web_widget", "dataset")),
    event("conversation.deleted", {"id": "gone"}),
    conversation("bad", status="exploded"),
]


def begin(ledger: Ledger, source: str = OLD, target: str = ORG) -> None:
    with writing(ledger.engine) as connection:
        begin_merge(connection, source, target, ROOT, clock.now())


def merge(ledger: Ledger, source: str = OLD, target: str = ORG) -> None:
    begin(ledger, source, target)
    for _ in merge_usage(ledger.engine, source, target, 1):
        assert ledger.verify(source) == ledger.verify(target) == []
    with writing(ledger.engine) as connection:
        finish_merge(connection, source, target, ROOT, clock.now())


def delete(ledger: Ledger, org_id: str = OLD) -> None:
    with writing(ledger.engine) as connection:
        begin_delete(connection, org_id, ROOT, clock.now())
    for _ in delete_usage(ledger.engine, org_id):
        pass
    with writing(ledger.engine) as connection:
        finish_delete(connection, org_id, ROOT, clock.now())


def counts(ledger: Ledger, org_id: str = OLD) -> dict[str, int]:
    with reading(ledger.engine) as connection:
        return count_usage_rows(connection, org_id)


def closed(ledger: Ledger, org_id: str = OLD) -> tuple[Closed | None, str | None]:
    with reading(ledger.engine) as connection:
        found = find_organization(connection, org_id)
    assert found is not None
    return found.closed, found.merged_into


def send_calls(ledger: Ledger, org_id: str, *reports: CallReport) -> None:
    moved = [
        one._replace(update=replace(one.update, org_id=org_id)) for one in reports if isinstance(one.update, State)
    ]
    ledger.write([OrgBatch(org_id, "connector", list(enumerate(moved)))])


@pytest.fixture
def both(ledger: Ledger) -> Ledger:
    """A ledger with two organizations that both have records of every kind."""
    ledger.send(conversation("call-2"), conversation("call-1", duration=30))
    ledger.send(*EVERY_KIND, org_id=OLD)
    return ledger


def test_everything_is_moved_and_the_source_stays_closed(both: Ledger) -> None:
    merge(both)

    assert counts(both) == {}
    assert {"conversation", "workflow_execution", "inventory_item", "record_state", "quarantine"} <= counts(
        both, ORG
    ).keys()
    assert both.summary().total_calls == 2
    assert both.summary(org_id=OLD).total_calls == 0
    assert closed(both) == (Closed.MERGED, ORG)


def test_history_of_both_records_is_kept_with_its_time_of_storage(both: Ledger) -> None:
    query = "SELECT event_id, stored_at FROM record_state WHERE id = 'call-1' ORDER BY event_id"
    before = both.rows(query)

    merge(both)

    assert both.rows(query) == before
    assert len(before) == 3


def test_calls_with_legs_in_both_organizations_become_one_call(ledger: Ledger) -> None:
    ledger.send(conversation("other"))
    send_calls(ledger, OLD, LINE, LEG, report("vapi:9", "twilio:CA9"))
    send_calls(ledger, ORG, AGENT)
    before = ledger.summary().total_calls + ledger.summary(org_id=OLD).total_calls

    merge(ledger)

    assert before == 4
    assert ledger.summary().total_calls == 3
    linked = dict(ledger.rows("SELECT id, linked_to FROM conversation"))
    assert linked == {
        "other": None,
        "vapi:1": None,
        "vapi:9": None,
        "twilio:CA1": "vapi:1",
        "twilio:CA2": "vapi:1",
    }


def test_call_is_never_counted_in_both_organizations_while_it_moves(ledger: Ledger) -> None:
    ledger.send(conversation("other"))
    send_calls(ledger, OLD, AGENT, LINE, LEG)
    begin(ledger)

    for _ in merge_usage(ledger.engine, OLD, ORG, 1):
        assert ledger.summary().total_calls + ledger.summary(org_id=OLD).total_calls == 2


def test_quarantined_events_name_the_target(both: Ledger) -> None:
    both.send(conversation("bad", status="exploded", organization_id=OLD), org_id=None)

    merge(both)

    rows = both.rows("SELECT org_id, kept_fields FROM quarantine")
    assert [org_id for org_id, _ in rows] == [ORG, ORG]
    assert not any(b'"old"' in bytes(kept) for _, kept in rows)


def test_later_snapshot_of_either_organization_applies(ledger: Ledger) -> None:
    ledger.send(event("agent.updated", {"id": "ann"}), event("agent.updated", {"id": "eve"}))
    ledger.send(event("agent.updated", {"id": "bob"}), org_id=OLD)
    [snapshot] = make_snapshot("agent", "2026-03-02T00:00:00Z", "ann")
    ledger.write([snapshot._replace(org_id=OLD, events=[])])
    assert ledger.summary().total_agents == 2

    merge(ledger)

    assert ledger.summary().total_agents == 0


def test_events_of_a_closed_organization_are_quarantined_and_not_counted(both: Ledger) -> None:
    merge(both)

    receipt = both.send(conversation("late"), run("late"), org_id=OLD)

    assert [entry.reason for entry in receipt.quarantined] == ["closed_organization"] * 2
    assert (counts(both), both.summary().total_calls) == ({"quarantine": 2}, 2)


def test_what_quarantine_cannot_keep_is_refused_alone(both: Ledger) -> None:
    begin(both)
    with both.writer() as writer:
        with both.locked() as holder:
            futures = [
                *writer.submit([OrgBatch(OLD, "connector", [(0, AGENT)])]),
                *writer.submit(
                    [batch._replace(org_id=OLD) for batch in make_snapshot("agent", "2026-03-02T00:00:00Z")]
                ),
                *writer.submit(make_batches(conversation("call-9"))),
            ]
            holder.rollback()
        outcomes = [future.exception(30) for future in futures]

    assert [type(outcome) for outcome in outcomes] == [OrganizationClosed, OrganizationClosed, type(None)]


def test_interrupted_merge_continues_into_the_same_target_only(both: Ledger) -> None:
    begin(both)
    list(islice(merge_usage(both.engine, OLD, ORG, 1), 2))
    both.send(conversation("call-3"), org_id="third")

    with pytest.raises(OperationFailed, match="merging into 'acme'"):
        begin(both, OLD, "third")
    with pytest.raises(OperationFailed, match="'old' is being merged into 'acme'; finish that first"):
        delete(both, ORG)
    with pytest.raises(OperationFailed, match="finish that first"):
        begin(both, ORG, "third")
    merge(both)
    assert both.summary().total_calls == 2


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        (OLD, OLD, "An organization cannot be merged into itself."),
        ("nobody", ORG, "Organization 'nobody' does not exist"),
        (OLD, "nobody", "Organization 'nobody' does not exist"),
    ],
)
def test_merge_of_or_into_nothing_is_rejected(both: Ledger, source: str, target: str, sentence: str) -> None:
    with pytest.raises(OperationFailed, match=sentence):
        begin(both, source, target)
    assert closed(both) == (None, None)


def test_alias_of_a_merged_organization_follows_the_next_merge(both: Ledger) -> None:
    both.send(conversation("call-3"), org_id="third")
    merge(both)
    merge(both, ORG, "third")
    assert (closed(both), closed(both, ORG)) == ((Closed.MERGED, "third"), (Closed.MERGED, "third"))

    delete(both, "third")
    assert {closed(both, org_id) for org_id in (OLD, ORG, "third")} == {(Closed.DELETED, None)}


def test_deletion_leaves_nothing_but_the_closed_id(both: Ledger) -> None:
    both.execute("UPDATE organization_directory SET name = 'Old Ltd' WHERE org_id = 'old'")
    ours = counts(both, ORG)

    delete(both)

    assert (counts(both), counts(both, ORG)) == ({}, ours)
    assert both.rows("SELECT name FROM organization_directory WHERE org_id = 'old'") == [(None,)]
    assert closed(both) == (Closed.DELETED, None)
    assert both.send(conversation("late"), org_id=OLD).quarantined[0].reason == "closed_organization"
    delete(both)
    assert counts(both) == {}


def test_interrupted_deletion_continues(both: Ledger) -> None:
    with writing(both.engine) as connection:
        assert begin_delete(connection, OLD, ROOT, clock.now())
    next(delete_usage(both.engine, OLD))
    with writing(both.engine) as connection:
        assert not begin_delete(connection, OLD, ROOT, clock.now())

    delete(both)

    assert counts(both) == {}


def test_opened_organization_is_empty_and_counts_again(both: Ledger) -> None:
    delete(both)
    with writing(both.engine) as connection:
        assert reopen(connection, OLD)
        assert not reopen(connection, OLD)

    assert both.send(conversation("new"), org_id=OLD).accepted == 1
    assert (both.summary(org_id=OLD).total_calls, closed(both)) == (1, (None, None))


def test_organization_in_the_middle_of_a_change_cannot_be_opened(both: Ledger) -> None:
    begin(both)

    with pytest.raises(OperationFailed, match="finish that first"), writing(both.engine) as connection:
        reopen(connection, OLD)


def test_start_and_end_of_each_change_are_in_the_audit_log(both: Ledger) -> None:
    merge(both)
    delete(both, ORG)

    with reading(both.engine) as connection:
        actions = [(entry.action, entry.org_id) for entry in reversed(read_audit(connection, None, 0, 100))]

    assert sorted(actions[:4]) == [
        ("organization.merge", ORG),
        ("organization.merge", OLD),
        ("organization.merged", ORG),
        ("organization.merged", OLD),
    ]
    assert actions[4:] == [("organization.delete", ORG), ("organization.deleted", ORG)]


def test_merged_organization_has_a_new_revision(both: Ledger) -> None:
    before = both.revision()
    merge(both)

    assert both.revision().revision != before.revision
    assert both.revision().last_event_at is not None


def test_many_rows_are_deleted_in_several_transactions(ledger: Ledger) -> None:
    many: list[Json] = [conversation(f"call-{number:04}") for number in range(1_200)]
    ledger.send(*many, org_id=OLD)
    with writing(ledger.engine) as connection:
        begin_delete(connection, OLD, ROOT, clock.now())

    rows = list(delete_usage(ledger.engine, OLD))

    assert rows[:2] == [1_000, 200]
    assert max(rows) == 1_000
    assert counts(ledger) == {}
