"""Turn a quarantined event into a batch for the ledger again, under the organization it belongs to now."""

from typing import NamedTuple

from talkmeter.ingest.cloudevents import Sender, read_event
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
    parsed = read_event(kept_fields, Sender(event.credential_id, org_id))
    if isinstance(parsed, Rejection):
        return NotReplayed(parsed.detail)
    return OrgBatch(org_id, event.credential_id, [(0, parsed)])


def named_organization(event: QuarantinedEvent) -> str:
    """Return the organization that a replay counts the event for.

    An event of a sender key whose organization was unknown names it; all others belong to their sender's organization.
    """
    if event.reason is not Reason.UNKNOWN_ORGANIZATION:
        return event.org_id
    parsed = read_event(event.kept_fields, Sender(event.credential_id, None))
    return parsed.org_id
