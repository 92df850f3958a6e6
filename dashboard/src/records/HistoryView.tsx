// The history of one record: every update received, which one counts, why, and what it adds to the usage.
// If two sides reported the same call, it links to the other side.

import { Skeleton } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useCallback, useRef } from "react";
import { type CallNames, type RecordHistory, type RecordState, getHistory } from "../api/records";
import { FullText, fullText } from "../breakdown/FullText";
import { channelLabel } from "../breakdown/labels";
import { duration, formats } from "../formats";
import { type RecordKey, formatRecord, isItemKind } from "../location/listing";
import { PageLink } from "../location/PageLink";
import { ErrorAlert } from "../shell/ErrorAlert";
import { NONE, addedText, retentionText, updatesText } from "./labels";
import { StatusChip } from "./StatusChip";

type Value = string | number | boolean | null;

const FIELD_LABELS: Readonly<Record<string, string>> = {
  status: "Status",
  channel: "Channel",
  direction: "Direction",
  modality: "Counts as",
  created_at: "Created",
  duration_ms: "Duration",
  agent_id: "Agent",
  agent_number: "Number",
  web_widget_id: "Widget",
  workflow_id: "Workflow",
  name: "Name",
  shared: "Shared pool",
  active: "Active",
};

/** The fields that are ids of named items. */
const NAMED_FIELDS: Readonly<Record<string, keyof CallNames>> = {
  agent_id: "agents",
  agent_number: "numbers",
  web_widget_id: "widgets",
};

function historyQuery(organization: string, record: RecordKey) {
  return queryOptions({
    queryKey: ["history", organization, formatRecord(record)],
    queryFn: ({ signal }): Promise<RecordHistory> => getHistory(organization, record, signal),
    gcTime: 0,
  });
}

export function HistoryView({ organization, record }: { organization: string; record: RecordKey }) {
  const query = useQuery(historyQuery(organization, record));
  const scrollerRef = useFocusOnChange(formatRecord(record));
  if (query.data === undefined) {
    return query.isError ? (
      <ErrorAlert
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title="Could not load the history"
      />
    ) : (
      <div role="status" aria-label="Loading history" className="records-skeleton">
        <Skeleton height="100%" />
      </div>
    );
  }
  const { states, names, history_days: days, linked_to } = query.data;
  return (
    <div className="records-box" ref={scrollerRef} tabIndex={0} role="region" aria-label="History">
      <p className="history-kept">
        {updatesText(states.length, formats)} {retentionText(days, states.length)}
      </p>
      <LinkedCalls history={query.data} kind={record.kind} />
      <FullText>
        <ol className="history">
          {states.map((state) => (
            <li key={`${state.event.source} ${state.event.id} ${state.stored_at}`}>
              <HistoryEntry
                state={state}
                names={names}
                kind={record.kind}
                counted={!isItemKind(record.kind) && linked_to === null}
                only={states.length === 1}
              />
            </li>
          ))}
        </ol>
      </FullText>
    </div>
  );
}

/** Focus the history when it changes to another record, because the link that was clicked is gone. */
function useFocusOnChange(record: string) {
  const shown = useRef(record);
  return useCallback(
    (box: HTMLDivElement | null) => {
      if (box === null || shown.current === record) return;
      shown.current = record;
      box.focus();
    },
    [record],
  );
}

/** Links to the other reports of the same call. */
function LinkedCalls({
  history: { linked_to, linked },
  kind,
}: {
  history: RecordHistory;
  kind: RecordKey["kind"];
}) {
  if (linked_to !== null) {
    return (
      <p className="history-same">
        This is the other side of call <HistoryLink kind={kind} id={linked_to} />, which is counted instead.
        It adds nothing.
      </p>
    );
  }
  if (linked.length === 0) return null;
  return (
    <div className="history-same">
      <p>The same call was also reported as:</p>
      <ul>
        {linked.map((id) => (
          <li key={id}>
            <HistoryLink kind={kind} id={id} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function HistoryLink({ kind, id }: RecordKey) {
  return (
    <PageLink change={{ record: { kind, id } }} aria-label={`${id}, show its history`}>
      {id}
    </PageLink>
  );
}

interface HistoryEntryProps {
  readonly state: RecordState;
  readonly names: CallNames;
  readonly kind: RecordKey["kind"];
  /** The record adds to the usage: it is a call or run, and no linked call is counted instead. */
  readonly counted: boolean;
  /** The record has a single update, so the entry does not say why it counts. */
  readonly only: boolean;
}

function HistoryEntry({ state, names, kind, counted, only }: HistoryEntryProps) {
  const { record, event, wins, why, adds } = state;
  const fields = Object.entries(record ?? {}).filter(([name]) => isVisibleField(name, kind));
  return (
    <article className={wins ? "state wins" : "state"}>
      <h3>
        <StatusChip status={entryStatus(state)} />
        <time dateTime={event.time}>{formats.preciseInstant(Date.parse(event.time))}</time>
        {wins && <span className="state-wins">{counted ? "counted" : "current"}</span>}
      </h3>
      {!only && <p>{why}</p>}
      <dl>
        {wins && !isItemKind(kind) && (
          <DetailPair name="Adds" text={addedText(adds, formats)} className="adds" />
        )}
        {fields.map(([name, value]) => (
          <DetailPair
            key={name}
            name={FIELD_LABELS[name] ?? name}
            text={fieldText(name, value, names)}
            id={name in NAMED_FIELDS ? String(value) : null}
          />
        ))}
      </dl>
      <details>
        <summary>The event</summary>
        <dl>
          <DetailPair name="Received" text={formats.preciseInstant(Date.parse(state.stored_at))} />
          <DetailPair name="Event id" text={event.id} />
          <DetailPair name="Source" text={event.source} />
          {event.sequence !== 0 && <DetailPair name="Sequence" text={formats.count(event.sequence)} />}
        </dl>
      </details>
    </article>
  );
}

interface DetailPairProps {
  readonly name: string;
  readonly text: string;
  readonly className?: string;
  /** The id behind a name, shown on hover. */
  readonly id?: string | null;
}

function DetailPair({ name, text, className, id = null }: DetailPairProps) {
  return (
    <div className={className}>
      <dt>{name}</dt>
      <dd>{id === null ? text : <span {...fullText(text, id)}>{text}</span>}</dd>
    </div>
  );
}

function entryStatus({ record, state }: RecordState): string {
  if (state === "deleted" || record === null) return "deleted";
  const status = record["status"];
  return typeof status === "string" ? status : "exists";
}

/** The title has the status; `shared` is only for numbers, `active` only for datasets. */
function isVisibleField(name: string, kind: RecordKey["kind"]): boolean {
  if (name === "shared") return kind === "phone_number";
  if (name === "active") return kind === "dataset";
  return name in FIELD_LABELS && name !== "status";
}

function fieldText(name: string, value: Value, names: CallNames): string {
  if (value === null) return NONE;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return `${duration(value / 1000)} (${formats.count(value)} ms)`;
  if (name === "created_at") return formats.preciseInstant(Date.parse(value));
  const named = NAMED_FIELDS[name];
  if (named !== undefined) return names[named][value] ?? value;
  return name === "channel" ? channelLabel(value) : value;
}
