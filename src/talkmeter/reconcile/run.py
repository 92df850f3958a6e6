"""Reconcile a connector's calls: compare the provider's pages as they arrive, then look for extra stored calls.

Memory holds one page, the listed ids, and the differences to show.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from talkmeter.accounts.connectors import SOURCE_PREFIX, Connector
from talkmeter.db.engine import Engine, reading
from talkmeter.errors import OperationFailed
from talkmeter.ingest.connectors.listed_call import ListedCall, read_listed
from talkmeter.ingest.connectors.provider import NotUnderstood, RecordUpdate
from talkmeter.ledger.batch import CallReport, OrgBatch, Side
from talkmeter.ledger.connector_calls import connector_calls
from talkmeter.ledger.states import read_winning_states
from talkmeter.ledger.writer import Writer
from talkmeter.reconcile.api import ProviderApi, ResponseTooLarge
from talkmeter.reconcile.compare import (
    SETTLED_AFTER,
    CallDifference,
    DifferenceKind,
    compare,
    conversation_of,
    correction,
    extra,
    source_of,
)
from talkmeter.reconcile.lists import CallList, CallPage, CallQuery
from talkmeter.records import Conversation, Kind, RecordKey, State

MAX_CALLS: Final = 500_000
MAX_PAGES: Final = 20_000
MAX_LOOKUPS: Final = 200
"""Stored calls missing from the list that are requested one by one before they are reported as extra."""


class Job(NamedTuple):
    """What to reconcile: a connector's calls of a window. `now` is an instant in microseconds.

    At most `max_kept` differences are kept; None keeps all.
    """

    connector: Connector
    side: Side
    calls: CallList
    query: CallQuery
    now: int
    max_kept: int | None


@dataclass
class ReconcileReport:
    """The result: numbers of calls, and the first differences."""

    listed: int = 0
    same: int = 0
    not_over: int = 0
    deleted: int = 0
    not_understood: int = 0
    first_error: str | None = None
    recorded: int = 0
    differences: Counter[DifferenceKind] = field(default_factory=Counter)
    kept: list[CallDifference] = field(default_factory=list)

    @property
    def different(self) -> int:
        """The number of calls that differ."""
        return self.differences.total()

    def unresolved(self, *, applied: bool) -> int:
        """Return the number of calls that need attention; after `--apply`, those that could not be recorded."""
        return (self.differences[DifferenceKind.EXTRA] if applied else self.different) + self.not_understood


def reconcile(engine: Engine, api: ProviderApi, job: Job, writer: Writer | None) -> ReconcileReport:
    """Compare the calls and, if there is a writer, record corrections. Raises OperationFailed and Unavailable."""
    return _Reconciliation(engine, api, job, writer).run()


class _Reconciliation:
    """The state of one run."""

    def __init__(self, engine: Engine, api: ProviderApi, job: Job, writer: Writer | None) -> None:
        self._engine = engine
        self._api = api
        self._job = job
        self._writer = writer
        self._seen: set[str] = set()
        self._prefix = f"{job.calls.provider}:"
        self._lookups = 0
        self._report = ReconcileReport()

    def run(self) -> ReconcileReport:
        for calls in self._pages():
            self._process(list(self._unseen(calls)))
            if len(self._seen) > MAX_CALLS:
                raise OperationFailed(f"There are more than {MAX_CALLS:,} calls: reconcile a shorter window.")
        job = self._job
        sources = (SOURCE_PREFIX + job.connector.id, source_of(job.connector))
        window = job.query.window
        for page in connector_calls(self._engine, job.connector.org_id, self._prefix, window, sources):
            self._look_up([state for state in page if state.id.removeprefix(self._prefix) not in self._seen])
        return self._report

    def _unseen(self, calls: Sequence[ListedCall]) -> Iterator[ListedCall]:
        """Yield the calls that were not listed before: pages of a growing list overlap."""
        for call in calls:
            if call.id not in self._seen:
                yield call
            if call.id:
                self._seen.add(call.id)

    def _pages(self) -> Iterator[list[ListedCall]]:
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = self._page(cursor)
            yield [read_listed(call, self._job.calls.read_call) for call in page.calls]
            if page.next is None:
                return
            if page.next == cursor:
                raise OperationFailed(f"{self._job.calls.title} returned the same next page twice.")
            cursor = page.next
        raise OperationFailed(f"There are more than {MAX_PAGES:,} pages: reconcile a shorter window.")

    def _page(self, cursor: str | None) -> CallPage:
        calls = self._job.calls
        body, size = self._fetch(cursor)
        if body is None:
            raise OperationFailed(
                f"{calls.title} has no list of calls at this address (404): check --base-url and the account."
            )
        try:
            return calls.read_page(body, cursor, size)
        except NotUnderstood as error:
            raise OperationFailed(f"{calls.title}'s list of calls cannot be read: {error}") from None

    def _fetch(self, cursor: str | None) -> tuple[bytes | None, int]:
        """Return a page's response and its page size, which is halved while the response is too large."""
        calls, query, size = self._job.calls, self._job.query, self._job.calls.page_size
        request = calls.page_request(query, cursor, size)
        while True:
            try:
                return self._api.send(request), size
            except ResponseTooLarge:
                size, previous = max(size // 2, 1), request
                request = calls.page_request(query, cursor, size)
                if request == previous:
                    raise

    def _process(self, calls: Sequence[ListedCall]) -> None:
        """Compare the calls of the window that are over with the stored ones, and record corrections."""
        window = self._job.query.window
        over: list[tuple[RecordUpdate, Conversation]] = []
        for call in calls:
            listed = call.update.record if call.update else None
            if call.error is not None:
                self._report.not_understood += 1
                self._report.first_error = self._report.first_error or call.error
            elif call.update is None or not isinstance(listed, Conversation):
                self._report.not_over += call.start is None or window.start <= call.start < window.end
            elif window.start <= listed.created_at < window.end:
                self._report.listed += 1
                over.append((call.update, listed))
        self._compare(over)

    def _compare(self, over: Sequence[tuple[RecordUpdate, Conversation]]) -> None:
        winners = self._winners([update.id for update, _ in over]) if over else {}
        job = self._job
        corrections: list[CallReport] = []
        for update, listed in over:
            id_ = self._prefix + update.id
            winner = winners.get(RecordKey(Kind.CONVERSATION, id_))
            difference = compare(id_, listed, conversation_of(winner))
            if difference is None:
                self._report.same += 1
            elif winner is not None and winner.record is None:
                self._report.deleted += 1
            elif update.time > job.now - SETTLED_AFTER:
                self._report.not_over += 1
            else:
                self._add_difference(difference)
                corrections.append(correction(job.connector, id_, update, listed, job.side, job.now))
        self._record(corrections)

    def _winners(self, ids: Sequence[str]) -> dict[RecordKey, State]:
        keys = [RecordKey(Kind.CONVERSATION, self._prefix + id_) for id_ in ids]
        with reading(self._engine) as connection:
            return read_winning_states(connection, self._job.connector.org_id, keys)

    def _record(self, corrections: Sequence[CallReport]) -> None:
        if self._writer is None or not corrections:
            return
        connector = self._job.connector
        batch = OrgBatch(connector.org_id, f"connector {connector.id}", list(enumerate(corrections)))
        [written] = self._writer.submit([batch])
        self._report.recorded += written.result().accepted

    def _look_up(self, states: Sequence[State]) -> None:
        """Request stored calls that are not in the list: the provider may have them under another start."""
        for state in states:
            id_ = state.id.removeprefix(self._prefix)
            body = None
            if self._lookups < MAX_LOOKUPS:
                self._lookups += 1
                body = self._api.send(self._job.calls.call_request(self._job.query, id_))
            if body is None:
                self._add_difference(extra(state))
                continue
            call = read_listed(body, self._job.calls.read_call)
            listed = call.update.record if call.update else None
            if call.update is None or not isinstance(listed, Conversation):
                self._report.not_over += call.error is None
                continue
            self._report.listed += 1
            self._compare([(call.update, listed)])

    def _add_difference(self, difference: CallDifference) -> None:
        report = self._report
        report.differences[difference.kind] += 1
        if self._job.max_kept is None or len(report.kept) < self._job.max_kept:
            report.kept.append(difference)
