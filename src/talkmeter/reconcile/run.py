"""One reconciliation: the stack's pages are compared as they come, then what the ledger has beyond them.

Memory holds one page, the ids that were listed, and the differences that are to be shown.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from talkmeter.accounts.connectors import SOURCE_PREFIX, Connector
from talkmeter.db.engine import Engine, reading
from talkmeter.errors import Refused
from talkmeter.ingest.connectors.listed_call import ListedCall, read_listed
from talkmeter.ingest.connectors.provider import NotUnderstood, RecordUpdate
from talkmeter.ledger.batch import CallReport, OrgBatch, Side
from talkmeter.ledger.connector_calls import connector_calls
from talkmeter.ledger.states import read_winning_states
from talkmeter.ledger.writer import Writer
from talkmeter.reconcile.api import AnswerTooLarge, StackApi
from talkmeter.reconcile.compare import (
    SETTLED_AFTER,
    Difference,
    Kind,
    compare,
    conversation_of,
    correction,
    extra,
    source_of,
)
from talkmeter.reconcile.lists import CallList, Page, Question
from talkmeter.records import Conversation, RecordKey, State
from talkmeter.records import Kind as RecordKind

MAX_CALLS: Final = 500_000
MAX_PAGES: Final = 20_000
MAX_ASKED_FOR: Final = 200
"""Calls that the list lacks and that the stack is asked for one by one, before they are said to be extra."""


class Job(NamedTuple):
    """What is reconciled: a connector's calls of a window, at an instant; `keep` differences are kept, None: all."""

    connector: Connector
    side: Side
    calls: CallList
    question: Question
    now: int
    keep: int | None


@dataclass
class Report:
    """What came of it."""

    listed: int = 0
    same: int = 0
    not_over: int = 0
    deleted: int = 0
    not_understood: int = 0
    first_refusal: str | None = None
    recorded: int = 0
    differences: Counter[Kind] = field(default_factory=Counter)
    kept: list[Difference] = field(default_factory=list)

    @property
    def different(self) -> int:
        """The calls that the two do not tell alike."""
        return self.differences.total()

    def left(self, *, applied: bool) -> int:
        """The calls that somebody should look at: where it was applied, those of which nothing can be recorded."""
        return (self.differences[Kind.EXTRA] if applied else self.different) + self.not_understood


def reconcile(engine: Engine, api: StackApi, job: Job, writer: Writer | None) -> Report:
    """Compare, and where there is a writer make the ledger right. Refused and Unavailable as sentences."""
    return _Run(engine, api, job, writer).report_all()


class _Run:
    """The state of one reconciliation."""

    def __init__(self, engine: Engine, api: StackApi, job: Job, writer: Writer | None) -> None:
        self._engine = engine
        self._api = api
        self._job = job
        self._writer = writer
        self._seen: set[str] = set()
        self._prefix = f"{job.calls.provider}:"
        self._asked_for = 0
        self._report = Report()

    def report_all(self) -> Report:
        for calls in self._pages():
            self._take(list(self._new(calls)))
            if len(self._seen) > MAX_CALLS:
                raise Refused(f"There are more than {MAX_CALLS:,} calls: reconcile a shorter window.")
        job = self._job
        sources = (SOURCE_PREFIX + job.connector.id, source_of(job.connector))
        window = job.question.window
        for page in connector_calls(self._engine, job.connector.org_id, self._prefix, window, sources):
            self._look_for([state for state in page if state.id.removeprefix(self._prefix) not in self._seen])
        return self._report

    def _new(self, calls: Sequence[ListedCall]) -> Iterator[ListedCall]:
        """The calls that were not listed before: pages of a list that grows overlap."""
        for call in calls:
            if call.id not in self._seen:
                yield call
            if call.id:
                self._seen.add(call.id)

    def _pages(self) -> Iterator[list[ListedCall]]:
        place: str | None = None
        for _ in range(MAX_PAGES):
            page = self._page(place)
            yield [read_listed(call, self._job.calls.read_call) for call in page.calls]
            if page.next is None:
                return
            if page.next == place:
                raise Refused(f"{self._job.calls.title} names the same page as the next one again and again.")
            place = page.next
        raise Refused(f"There are more than {MAX_PAGES:,} pages: reconcile a shorter window.")

    def _page(self, place: str | None) -> Page:
        calls = self._job.calls
        body, size = self._answer(place)
        if body is None:
            raise Refused(f"{calls.title} has no list of calls there (404): look at the address and at the account.")
        try:
            return calls.read_page(body, place, size)
        except NotUnderstood as refusal:
            raise Refused(f"The list of {calls.title} cannot be read: {refusal}") from None

    def _answer(self, place: str | None) -> tuple[bytes | None, int]:
        """The answer with a page, and how many calls it was asked for: fewer, where an answer is too large."""
        calls, question, size = self._job.calls, self._job.question, self._job.calls.size
        request = calls.page(question, place, size)
        while True:
            try:
                return self._api.ask(request), size
            except AnswerTooLarge:
                size, before = max(size // 2, 1), request
                request = calls.page(question, place, size)
                if request == before:
                    raise

    def _take(self, calls: Sequence[ListedCall]) -> None:
        """Compare calls with what the ledger has of them, and record what differs."""
        window = self._job.question.window
        over: list[tuple[RecordUpdate, Conversation]] = []
        for call in calls:
            there = call.update.record if call.update else None
            if call.error is not None:
                self._report.not_understood += 1
                self._report.first_refusal = self._report.first_refusal or call.error
            elif call.update is None or not isinstance(there, Conversation):
                self._report.not_over += call.start is None or window.start <= call.start < window.end
            elif window.start <= there.created_at < window.end:
                self._report.listed += 1
                over.append((call.update, there))
        self._compare(over)

    def _compare(self, over: Sequence[tuple[RecordUpdate, Conversation]]) -> None:
        winners = self._winners([told.id for told, _ in over]) if over else {}
        corrections: list[CallReport] = []
        for told, there in over:
            id_ = self._prefix + told.id
            winner = winners.get(RecordKey(RecordKind.CONVERSATION, id_))
            found = compare(id_, there, conversation_of(winner))
            if found is None:
                self._report.same += 1
            elif winner is not None and winner.record is None:
                self._report.deleted += 1
            elif told.time > self._job.now - SETTLED_AFTER:
                self._report.not_over += 1
            else:
                self._note(found)
                job = self._job
                corrections.append(correction(job.connector, id_, told, there, job.side, job.now))
        self._record(corrections)

    def _winners(self, ids: Sequence[str]) -> dict[RecordKey, State]:
        keys = [RecordKey(RecordKind.CONVERSATION, self._prefix + id_) for id_ in ids]
        with reading(self._engine) as connection:
            return read_winning_states(connection, self._job.connector.org_id, keys)

    def _record(self, corrections: Sequence[CallReport]) -> None:
        if self._writer is None or not corrections:
            return
        connector = self._job.connector
        work = OrgBatch(f"connector {connector.id}", list(enumerate(corrections)))
        [written] = self._writer.submit({connector.org_id: work}).result()
        self._report.recorded += written.accepted

    def _look_for(self, states: Sequence[State]) -> None:
        """Ask for calls that the list lacks: it may know them by another start."""
        for state in states:
            id_ = state.id.removeprefix(self._prefix)
            body = None
            if self._asked_for < MAX_ASKED_FOR:
                self._asked_for += 1
                body = self._api.ask(self._job.calls.one(self._job.question, id_))
            if body is None:
                self._note(extra(state))
                continue
            call = read_listed(body, self._job.calls.read_call)
            there = call.update.record if call.update else None
            if call.update is None or not isinstance(there, Conversation):
                self._report.not_over += call.error is None
                continue
            self._report.listed += 1
            self._compare([(call.update, there)])

    def _note(self, found: Difference) -> None:
        report = self._report
        report.differences[found.kind] += 1
        if self._job.keep is None or len(report.kept) < self._job.keep:
            report.kept.append(found)
