"""The tables, one definition for every engine.

The key of every usage table contains `org_id`, so that Citus can distribute it. The other tables are keyed by their
own id and never joined with usage tables. Instants are integer microseconds since 1970, days are integer days since
1970, durations are milliseconds.
"""

from typing import Final, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from talkmeter.counting import BILLED_COUNTERS, COUNTERS
from talkmeter.db import access_tables, billing_tables, budget_tables, inventory_tables, notify_tables, table_base
from talkmeter.records import LIVE_STATUSES, Kind
from talkmeter_client.vocabulary import ConversationStatus

metadata: Final = table_base.metadata
Key: Final = table_base.Key


def _state_columns() -> tuple[Column[object], ...]:
    """Return the columns for the winning state's rank and when it was stored; `deleted` marks a deletion."""
    return (
        Column("deleted", Boolean(), nullable=False),
        Column("time", BigInteger(), nullable=False),
        Column("sequence", BigInteger(), nullable=False),
        Column("source", Key, nullable=False),
        Column("event_id", Key, nullable=False),
        Column("hash", LargeBinary(), nullable=False),
        Column("stored_at", BigInteger(), nullable=False),
    )


conversation = Table(
    "conversation",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("channel", Key),
    Column("direction", Key),
    Column("status", Key),
    Column("created_at", BigInteger()),
    Column("duration_ms", BigInteger()),
    Column("modality", Key),
    Column("agent_id", Key),
    Column("agent_number", Key),
    Column("web_widget_id", Key),
    *_state_columns(),
    # The conversation that is counted instead; `created_at` is then null, so that no window includes this one. Without
    # `linked_to`, `linked_created_at` says that `agent_id` is the agent of a linked conversation.
    Column("linked_to", Key),
    Column("linked_created_at", BigInteger()),
    PrimaryKeyConstraint("org_id", "id"),
)
Index(
    "conversation_window",
    conversation.c.org_id,
    conversation.c.created_at,
    conversation.c.id,
    conversation.c.modality,
    conversation.c.direction,
    conversation.c.status,
    conversation.c.duration_ms,
)
_LIVE: Final = ", ".join(f"'{status}'" for status in get_args(ConversationStatus) if status in LIVE_STATUSES)
MAY_BE_STALE: Final = text(f"status IN ({_LIVE}) AND channel <> 'email'")
"""Live conversations that become stale without new events; an email conversation may be silent for days."""

Index(
    "conversation_live",
    conversation.c.org_id,
    conversation.c.time,
    conversation.c.created_at,
    sqlite_where=MAY_BE_STALE,
    postgresql_where=MAY_BE_STALE,
)

workflow_execution = Table(
    "workflow_execution",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("status", Key),
    Column("created_at", BigInteger()),
    Column("workflow_id", Key),
    *_state_columns(),
    PrimaryKeyConstraint("org_id", "id"),
)
Index(
    "workflow_execution_window",
    workflow_execution.c.org_id,
    workflow_execution.c.created_at,
    workflow_execution.c.id,
    workflow_execution.c.status,
)

inventory_item = Table(
    "inventory_item",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("name", Text()),
    Column("shared", Boolean()),
    Column("active", Boolean()),
    *_state_columns(),
    PrimaryKeyConstraint("org_id", "kind", "id"),
)
Index(
    "inventory_item_existing",
    inventory_item.c.org_id,
    inventory_item.c.kind,
    inventory_item.c.deleted,
    inventory_item.c.time,
    inventory_item.c.shared,
    inventory_item.c.active,
)

RECORD_TABLES: Final[dict[Kind, Table]] = {
    Kind.CONVERSATION: conversation,
    Kind.WORKFLOW_EXECUTION: workflow_execution,
    Kind.AGENT: inventory_item,
    Kind.PHONE_NUMBER: inventory_item,
    Kind.WEB_WIDGET: inventory_item,
    Kind.DATASET: inventory_item,
}

record_state = Table(
    "record_state",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("time", BigInteger(), nullable=False),
    Column("hash", LargeBinary(), nullable=False),
    Column("source", Key, nullable=False),
    Column("event_id", Key, nullable=False),
    Column("sequence", BigInteger(), nullable=False),
    Column("data", LargeBinary(), nullable=False),
    Column("stored_at", BigInteger(), nullable=False),
    PrimaryKeyConstraint("org_id", "kind", "id", "time", "hash", "source", "event_id", "sequence"),
    sqlite_with_rowid=False,
)

conversation_link = Table(
    "conversation_link",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("call", Key, nullable=False),
    Column("id", Key, nullable=False),
    Column("side", Key, nullable=False),
    PrimaryKeyConstraint("org_id", "call", "id"),
    sqlite_with_rowid=False,
)
Index("conversation_link_id", conversation_link.c.org_id, conversation_link.c.id, conversation_link.c.call)

inventory_snapshot = Table(
    "inventory_snapshot",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("floor", BigInteger(), nullable=False),
    PrimaryKeyConstraint("org_id", "kind"),
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("hash", LargeBinary(), nullable=False),
    Column("reason", Key, nullable=False),
    Column("detail", Text(), nullable=False),
    Column("credential_id", Key, nullable=False),
    Column("first_seen_at", BigInteger(), nullable=False),
    Column("last_seen_at", BigInteger(), nullable=False),
    Column("times_seen", BigInteger(), nullable=False),
    Column("size", BigInteger(), nullable=False),
    Column("kept_fields", LargeBinary(), nullable=False),
    Column("complete", Boolean(), nullable=False),
    PrimaryKeyConstraint("org_id", "hash"),
)

organization = Table(
    "organization",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("revision", Key, nullable=False),
    Column("last_event_at", BigInteger()),
    # True: it accepts no events, because it is or was merged into another organization or deleted. Null: it is open.
    Column("closed", Boolean()),
    # The first day whose records are stored; null: no record was deleted because of its age.
    Column("records_from", Integer()),
    # True: `erased_record` has rows of this organization.
    Column("has_erased", Boolean()),
    PrimaryKeyConstraint("org_id"),
)

organization_setting = Table(
    "organization_setting",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("name", Key, nullable=False),
    Column("value", Text(), nullable=False),
    PrimaryKeyConstraint("org_id", "name"),
    sqlite_with_rowid=False,
)

erased_record = Table(
    "erased_record",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("id", Key, nullable=False),
    PrimaryKeyConstraint("org_id", "kind", "id"),
    sqlite_with_rowid=False,
)

usage_daily = Table(
    "usage_daily",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("dimension", Key, nullable=False),
    Column("day", Integer(), nullable=False),
    Column("value", Key, nullable=False),
    *(Column(counter, BigInteger(), nullable=False) for counter in COUNTERS),
    Column("changed_at", BigInteger()),
    # Null: written before version 0008, and not filled yet (`ledger/billed_durations.py`). Null plus a number is null.
    *(Column(counter, BigInteger()) for counter in BILLED_COUNTERS),
    PrimaryKeyConstraint("org_id", "dimension", "day", "value"),
    sqlite_with_rowid=False,
)

usage_monthly = Table(
    "usage_monthly",
    metadata,
    # Months since the year 0. First in the key: a list of all organizations reads one month.
    Column("month", Integer(), nullable=False),
    Column("org_id", Key, nullable=False),
    *(Column(counter, BigInteger(), nullable=False) for counter in COUNTERS),
    PrimaryKeyConstraint("month", "org_id"),
    sqlite_with_rowid=False,
)
Index("usage_monthly_organization", usage_monthly.c.org_id)

DISTRIBUTED: Final = (
    conversation,
    workflow_execution,
    inventory_item,
    record_state,
    conversation_link,
    inventory_snapshot,
    inventory_tables.inventory_day,
    inventory_tables.inventory_snapshot_day,
    quarantine,
    organization,
    organization_setting,
    erased_record,
    usage_daily,
    usage_monthly,
    billing_tables.plan_assignment,
    billing_tables.statement,
    billing_tables.statement_line,
    billing_tables.statement_push,
    budget_tables.budget,
    budget_tables.budget_crossing,
    notify_tables.webhook,
    notify_tables.email_address,
    notify_tables.delivery,
    notify_tables.delivery_attempt,
)

organization_directory = Table(
    "organization_directory",
    metadata,
    Column("org_id", Key, nullable=False),
    Column("name", Text()),
    Column("created_at", BigInteger(), nullable=False),
    Column("closed", Key),
    Column("merged_into", Key),
    PrimaryKeyConstraint("org_id"),
)
Index("organization_directory_merged_into", organization_directory.c.merged_into)

organization_parent = Table(
    "organization_parent",
    metadata,
    Column("org_id", Key, nullable=False),
    # Null: the organization has no parent any more.
    Column("parent_id", Key),
    Column("time", BigInteger(), nullable=False),
    Column("sequence", BigInteger(), nullable=False),
    Column("source", Key, nullable=False),
    Column("event_id", Key, nullable=False),
    Column("hash", LargeBinary(), nullable=False),
    PrimaryKeyConstraint("org_id"),
)
Index("organization_parent_children", organization_parent.c.parent_id)

credential: Final = access_tables.credential
credential_grant: Final = access_tables.credential_grant
credential_use: Final = access_tables.credential_use
sign_in_link: Final = access_tables.sign_in_link
session: Final = access_tables.session

connector = Table(
    "connector",
    metadata,
    Column("id", Key, nullable=False),
    Column("org_id", Key, nullable=False),
    Column("provider", Key, nullable=False),
    Column("secrets", LargeBinary(), nullable=False),
    Column("created_at", BigInteger(), nullable=False),
    Column("disabled_at", BigInteger()),
    PrimaryKeyConstraint("id"),
)
Index("connector_organization", connector.c.org_id)

connector_outcome = Table(
    "connector_outcome",
    metadata,
    Column("connector_id", Key, nullable=False),
    Column("day", Integer(), nullable=False),
    Column("outcome", Key, nullable=False),
    # The type of ignored messages; empty for all other outcomes.
    Column("detail", Key, nullable=False),
    Column("messages", BigInteger(), nullable=False),
    Column("last_at", BigInteger(), nullable=False),
    PrimaryKeyConstraint("connector_id", "day", "outcome", "detail"),
)

audit = Table(
    "audit",
    metadata,
    Column("at", BigInteger(), nullable=False),
    Column("id", Key, nullable=False),
    Column("actor_kind", Key, nullable=False),
    Column("actor_id", Key, nullable=False),
    Column("action", Key, nullable=False),
    # Null: the change concerns no organization, or several.
    Column("org_id", Key),
    Column("subject", Text(), nullable=False),
    Column("detail", Text(), nullable=False),
    PrimaryKeyConstraint("at", "id"),
)
Index("audit_organization", audit.c.org_id, audit.c.at)

lease = Table(
    "lease",
    metadata,
    # What at most one process may do at a time. An empty holder: it is free.
    Column("name", Key, nullable=False),
    Column("holder", Key, nullable=False),
    Column("expires_at", BigInteger(), nullable=False),
    PrimaryKeyConstraint("name"),
)

meta = Table(
    "meta",
    metadata,
    Column("name", Key, nullable=False),
    Column("value", Text(), nullable=False),
    PrimaryKeyConstraint("name"),
)
