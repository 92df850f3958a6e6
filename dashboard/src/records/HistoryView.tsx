// Every state of one record that arrived, the greatest first: which one counts, why, and what it adds;
// and where a call was told of by several, the conversation that is counted for it.

import { Skeleton } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useCallback, useRef } from "react";
import { type History, type State, getHistory } from "../api/lists";
import { channelWords } from "../drives/words";
import { duration } from "../format";
import { formats } from "../formats";
import { PlaceLink } from "../range/PlaceLink";
import { type RecordKey, formatRecord } from "../range/listing";
import { Failure } from "../shell/Failure";
import { NONE, addsWords, keptWords, statesWords, statusWords } from "./words";

type Value = string | number | boolean | null;

const FIELDS: Readonly<Record<string, string>> = {
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

function historyQuery(organization: string, record: RecordKey) {
  return queryOptions({
    queryKey: ["history", organization, formatRecord(record)],
    queryFn: ({ signal }): Promise<History> => getHistory(organization, record, signal),
    gcTime: 0,
  });
}

export function HistoryView({ organization, record }: { organization: string; record: RecordKey }) {
  const query = useQuery(historyQuery(organization, record));
  const box = useFocusOfTheNext(formatRecord(record));
  if (query.data === undefined) {
    return query.isError ? (
      <Failure
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title="The history could not be fetched"
      />
    ) : (
      <div role="status" aria-label="Loading the history" className="records-skeleton">
        <Skeleton height="100%" />
      </div>
    );
  }
  const { states, history_days: days, linked_to } = query.data;
  return (
    <div className="records-box" ref={box} tabIndex={0} role="region" aria-label="History">
      <p className="history-kept">
        {statesWords(states.length, linked_to, formats)} {keptWords(days)}
      </p>
      <SameCall history={query.data} kind={record.kind} />
      <ol className="history">
        {states.map((state) => (
          <li key={`${state.event.source} ${state.event.id} ${state.stored_at}`}>
            <OneState state={state} kind={record.kind} counted={linked_to === null} />
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Takes the focus for the history that a link of another history led to; the link itself has gone with its history. */
function useFocusOfTheNext(record: string) {
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

/** What was told of the same call by another side of it. */
function SameCall({ history: { linked_to, linked }, kind }: { history: History; kind: RecordKey["kind"] }) {
  if (linked_to !== null) {
    return (
      <p className="history-same">
        This is the other side of a call that is counted as <HistoryLink kind={kind} id={linked_to} />; it
        adds nothing.
      </p>
    );
  }
  if (linked.length === 0) return null;
  return (
    <div className="history-same">
      <p>The same call was also told of as:</p>
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
    <PlaceLink change={{ record: { kind, id } }} aria-label={`${id}, show its history`}>
      {id}
    </PlaceLink>
  );
}

interface OneStateProps {
  readonly state: State;
  readonly kind: RecordKey["kind"];
  /** The record is counted, and not another one for the same call. */
  readonly counted: boolean;
}

function OneState({ state, kind, counted }: OneStateProps) {
  const { record, event, wins, why, adds } = state;
  const fields = Object.entries(record ?? {}).filter(([name]) => isShown(name, kind));
  return (
    <article className={wins ? "state wins" : "state"}>
      <h3>
        {headOf(state)}
        {wins && <span className="state-wins">{counted ? "counts" : "current"}</span>}
      </h3>
      <p>{why}</p>
      <dl>
        {wins && <Pair name="Adds" text={addsWords(adds, formats)} className="adds" />}
        {fields.map(([name, value]) => (
          <Pair key={name} name={FIELDS[name] ?? name} text={valueText(name, value)} />
        ))}
        <Pair name="Event time" text={formats.exact(Date.parse(event.time))} />
        <Pair name="Arrived" text={formats.exact(Date.parse(state.stored_at))} />
        <Pair name="Event id" text={event.id} />
        <Pair name="Source" text={event.source} />
        {event.sequence !== 0 && <Pair name="Sequence" text={formats.count(event.sequence)} />}
      </dl>
    </article>
  );
}

function Pair({ name, text, className }: { name: string; text: string; className?: string }) {
  return (
    <div className={className}>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  );
}

function headOf({ record, state }: State): string {
  if (state === "deleted" || record === null) return "deleted";
  const status = record["status"];
  return typeof status === "string" ? statusWords(status) : "exists";
}

/** The head says the status; only numbers are shared, only datasets are active. */
function isShown(name: string, kind: RecordKey["kind"]): boolean {
  if (name === "shared") return kind === "phone_number";
  if (name === "active") return kind === "dataset";
  return name in FIELDS && name !== "status";
}

function valueText(name: string, value: Value): string {
  if (value === null) return NONE;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return `${duration(value / 1000)} (${formats.count(value)} ms)`;
  if (name === "created_at") return formats.exact(Date.parse(value));
  return name === "channel" ? channelWords(value) : value;
}
