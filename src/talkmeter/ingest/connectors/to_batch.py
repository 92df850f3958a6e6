"""Turn a provider's message into a batch for the ledger: states and partial updates, or one rejection.

Record ids are the provider's ids with its name as a prefix (`twilio:CA…`). So ids of two providers never collide, and
one provider can refer to a call of another. The `signed` connector receives Talkmeter events; their ids get no prefix.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import structs

from talkmeter.accounts.connectors import SOURCE_PREFIX, Connector
from talkmeter.ingest.connectors.forms import FORM
from talkmeter.ingest.connectors.kept_fields import keep_fields
from talkmeter.ingest.connectors.provider import (
    Ignored,
    Message,
    NotUnderstood,
    PartialRecordUpdate,
    Provider,
    RecordUpdate,
)
from talkmeter.ledger.batch import CallReport, OrgBatch, ParsedEvent, PartialUpdate, Reason, Rejection
from talkmeter.records import State, data_hash

CONNECTOR_PREFIX: Final = "connector "
"""The beginning of the credential id of what a connector receives."""


class MessageBatch(NamedTuple):
    """A message as a batch; `assumed` names what it does not say, separated by ", " (empty: nothing)."""

    batch: OrgBatch
    assumed: str = ""


def to_batch(connector: Connector, provider: Provider, message: Message) -> MessageBatch | Ignored:
    """Return a verified message as a batch for the connector's organization, or Ignored if its type is not metered."""
    try:
        result = provider.read(message)
    except NotUnderstood as error:
        return MessageBatch(_batch(connector, [_rejection(connector, provider, message, str(error))]))
    if isinstance(result, Ignored):
        return result
    assumed = {name for update in result if not isinstance(update, Rejection) for name in update.assumed}
    return MessageBatch(
        _batch(connector, [_event(connector, provider, update) for update in result]), ", ".join(sorted(assumed))
    )


def _batch(connector: Connector, events: Sequence[ParsedEvent | CallReport]) -> OrgBatch:
    return OrgBatch(connector.org_id, CONNECTOR_PREFIX + connector.id, list(enumerate(events)))


def _event(
    connector: Connector, provider: Provider, update: RecordUpdate | PartialRecordUpdate | Rejection
) -> ParsedEvent | CallReport:
    if isinstance(update, Rejection):
        return structs.replace(update, org_id=connector.org_id, detail=f"{connector.provider}: {update.detail}")
    source = SOURCE_PREFIX + connector.id
    id_ = update.id if provider.side is None and provider.name == "signed" else f"{provider.name}:{update.id}"
    if isinstance(update, PartialRecordUpdate):
        reported: State | PartialUpdate = PartialUpdate(
            connector.org_id, id_, update.merge, update.time, source, update.event_id
        )
    else:
        reported = State(
            org_id=connector.org_id,
            kind=update.kind,
            id=id_,
            record=update.record,
            time=update.time,
            sequence=update.sequence,
            source=source,
            event_id=update.event_id,
            hash=data_hash(update.record),
        )
        if provider.side is None:
            return reported
    return CallReport(reported, provider.side or "agent", update.linked_ids)


def _rejection(connector: Connector, provider: Provider, message: Message, sentence: str) -> Rejection:
    is_form = message.headers.get("content-type", "").lower().startswith(FORM)
    return Rejection(
        org_id=connector.org_id,
        event_id=None,
        reason=Reason.INVALID_DATA,
        detail=f"{connector.provider}: {sentence}",
        hash=sha256(message.body).digest()[:16],
        size=len(message.body),
        kept_fields=keep_fields(provider.kept, message.body, is_form=is_form),
        complete=False,
    )
