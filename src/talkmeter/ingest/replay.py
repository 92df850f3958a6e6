"""Turn a quarantined event into a batch for the ledger again, under the organization it belongs to now."""

from collections.abc import Mapping
from typing import NamedTuple

from talkmeter.accounts.connectors import Connector
from talkmeter.errors import quoted
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ingest.connectors.kept_fields import rebuild_message
from talkmeter.ingest.connectors.provider import Ignored
from talkmeter.ingest.connectors.registry import PROVIDERS
from talkmeter.ingest.connectors.to_batch import CONNECTOR_PREFIX, to_batch
from talkmeter.ledger.batch import OrgBatch, Reason, Rejection
from talkmeter.ledger.merge import rename_in_event
from talkmeter.ledger.organizations import Closed, Organization
from talkmeter.ledger.quarantine import QuarantinedEvent


class NotReplayed(NamedTuple):
    """Why an event stays in quarantine, as a sentence."""

    sentence: str


def replay_batch(event: QuarantinedEvent, organization: Organization | None) -> OrgBatch | NotReplayed:
    """Return the event as a batch. `organization` is the directory's row of `named_organization`, None if it has none.

    Events of a merged organization go to the one it was merged into.
    """
    if not event.complete:
        return NotReplayed("Its fields were truncated; the sender must send it again.")
    org_id, kept_fields = named_organization(event), event.kept_fields
    if organization is not None and organization.closed is Closed.MERGED and organization.merged_into is not None:
        kept_fields = rename_in_event(kept_fields, org_id, organization.merged_into)
        org_id = organization.merged_into
    elif organization is not None and organization.closed is not None:
        return NotReplayed(f"Organization '{org_id}' is closed ({organization.closed}).")
    elif organization is None and event.reason is Reason.UNKNOWN_ORGANIZATION:
        return NotReplayed(f"Organization '{org_id}' does not exist; 'talkmeter orgs add' creates it.")
    # Only valid events have these reasons, and each names its organization; some are allowed to senders only.
    refused = event.reason in (Reason.UNKNOWN_ORGANIZATION, Reason.CLOSED_ORGANIZATION)
    parsed = read_event(kept_fields, Sender(event.credential_id, None if refused else org_id))
    if isinstance(parsed, Rejection):
        return NotReplayed(parsed.detail)
    return OrgBatch(org_id, event.credential_id, [(0, parsed)])


def replay_message(event: QuarantinedEvent, connectors: Mapping[str, Connector]) -> OrgBatch | NotReplayed:
    """Return a connector's message as a batch, by the provider's reader. It lacks what quarantine does not keep."""
    connector = connectors.get(event.credential_id.removeprefix(CONNECTOR_PREFIX))
    if connector is None or connector.org_id != event.org_id:
        return NotReplayed("Its connector does not exist any more.")
    provider = PROVIDERS[connector.provider]
    message = rebuild_message(provider, event.kept_fields, event.first_seen_at, connector.org_id)
    if message is None:
        return NotReplayed("Nothing was kept that its connector can read.")
    result = to_batch(connector, provider, message)
    if isinstance(result, Ignored):
        return NotReplayed(f"Its type {quoted(result.type)} is not metered.")
    for _, parsed in result.batch.events:
        if isinstance(parsed, Rejection):
            return NotReplayed(parsed.detail)
    return result.batch


def is_message(event: QuarantinedEvent) -> bool:
    """Return whether a connector received the event."""
    return event.credential_id.startswith(CONNECTOR_PREFIX)


def named_organization(event: QuarantinedEvent) -> str:
    """Return the organization that a replay counts the event for.

    An event of a sender key whose organization was unknown names it; all others belong to their sender's organization.
    """
    if event.reason is not Reason.UNKNOWN_ORGANIZATION:
        return event.org_id
    parsed = read_event(event.kept_fields, Sender(event.credential_id, None))
    return parsed.org_id
