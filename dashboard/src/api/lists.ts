// What drives the usage, the records behind a figure, a record's history, the inventory: shapes and requests.

import * as v from "valibot";
import { type Listing, type RecordKey, isItemKind } from "../range/listing";
import { type Range, queryOf } from "../range/range";
import { address, ask } from "./client";
import type { components } from "./schema";
import { Amount, Count, Text } from "./shapes";

type Schemas = components["schemas"];

const CALLS = {
  total_calls: Count,
  voice_calls: Count,
  chat_calls: Count,
  inbound_calls: Count,
  outbound_calls: Count,
  timed_calls: Count,
  live_calls: Count,
  voice_minutes: Amount,
  chat_minutes: Amount,
  avg_call_duration_sec: Amount,
  voice_duration_ms: Count,
  chat_duration_ms: Count,
};
const RUNS = {
  workflow_runs_total: Count,
  workflow_runs_success: Count,
  workflow_runs_failed: Count,
  live_runs: Count,
};
const PART = { share: Amount, series: v.nullable(v.array(Count)) };
const VALUE = { ...PART, value: v.nullable(Text), name: v.nullable(Text) };
const OTHERS = { ...PART, values: Count };
const SPLIT = { from: Text, to: Text, by: Text, order: Text, starts: v.nullable(v.array(Text)) };

const CallFigures = v.object(CALLS) satisfies v.GenericSchema<unknown, Schemas["CallFigures"]>;
const RunFigures = v.object(RUNS) satisfies v.GenericSchema<unknown, Schemas["RunFigures"]>;

export const Breakdown = v.union([
  v.object({
    ...SPLIT,
    rows: v.array(v.object({ ...VALUE, ...CALLS })),
    others: v.object({ ...OTHERS, ...CALLS }),
  }),
  v.object({
    ...SPLIT,
    rows: v.array(v.object({ ...VALUE, ...RUNS })),
    others: v.object({ ...OTHERS, ...RUNS }),
  }),
]);

const Event = v.object({
  source: Text,
  id: Text,
  time: Text,
  sequence: v.number(),
}) satisfies v.GenericSchema<unknown, Schemas["Event"]>;
const Adds = v.record(Text, v.number());
const PAGE = { next_cursor: v.nullable(Text), changed: v.boolean() };

export const CallRecord = v.object({
  id: Text,
  created_at: Text,
  status: Text,
  channel: Text,
  direction: Text,
  modality: Text,
  agent_id: v.nullable(Text),
  agent_number: v.nullable(Text),
  web_widget_id: v.nullable(Text),
  duration_ms: v.nullable(Count),
  live: v.boolean(),
  stale: v.boolean(),
  adds: Adds,
  event: Event,
  stored_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["CallRecord"]>;

export const RunRecord = v.object({
  id: Text,
  created_at: Text,
  status: Text,
  workflow_id: v.nullable(Text),
  live: v.boolean(),
  adds: Adds,
  event: Event,
  stored_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["RunRecord"]>;

export const Item = v.object({
  id: Text,
  name: v.nullable(Text),
  shared: v.boolean(),
  active: v.boolean(),
  event: Event,
  stored_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["Item"]>;

const Calls = v.object({
  ...PAGE,
  kind: v.literal("conversation"),
  from: Text,
  to: Text,
  records: v.array(CallRecord),
  totals: v.nullable(CallFigures),
});
const Runs = v.object({
  ...PAGE,
  kind: v.literal("workflow_execution"),
  from: Text,
  to: Text,
  records: v.array(RunRecord),
  totals: v.nullable(RunFigures),
});
const Items = v.object({
  ...PAGE,
  kind: v.picklist(["agent", "phone_number", "web_widget", "dataset"]),
  items: v.array(Item),
  total: v.nullable(Count),
});
export const RecordsPage = v.variant("kind", [Calls, Runs, Items]);

export const State = v.object({
  wins: v.boolean(),
  why: Text,
  state: v.picklist(["live", "terminal", "deleted"]),
  record: v.nullable(v.record(Text, v.union([Text, v.number(), v.boolean(), v.null()]))),
  adds: Adds,
  event: Event,
  stored_at: Text,
});
export const History = v.object({
  kind: Text,
  id: Text,
  history_days: v.nullable(Count),
  linked_to: v.nullable(Text),
  linked: v.array(Text),
  states: v.array(State),
});

export interface SplitBy {
  readonly by: string;
  readonly order: string;
  readonly limit: number;
  readonly interval: "day" | "week";
}

export function getBreakdown(
  organization: string,
  range: Range,
  { by, order, limit, interval }: SplitBy,
  signal?: AbortSignal,
): Promise<Breakdown> {
  const parameters = { ...queryOf(range), by, order, limit: String(limit), interval };
  return ask(address("/admin/usage/breakdown", { ...parameters, organization_id: organization }), Breakdown, {
    signal,
  });
}

/** One page of a list: records of a range, or items, which know no range. */
export function getPage(
  organization: string,
  range: Range,
  { kind, filter }: Listing,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<RecordsPage> {
  const parameters = {
    kind,
    ...(isItemKind(kind) ? {} : queryOf(range)),
    ...(filter as Record<string, string>),
    ...(cursor !== null && { cursor }),
    organization_id: organization,
  };
  const path = isItemKind(kind) ? "/admin/usage/inventory" : "/admin/usage/records";
  return ask(address(path, parameters), RecordsPage, { signal });
}

export function getHistory(
  organization: string,
  { kind, id }: RecordKey,
  signal?: AbortSignal,
): Promise<History> {
  const path = `/admin/usage/records/${kind}/${encodeURIComponent(id)}`;
  return ask(address(path, { organization_id: organization }), History, { signal });
}

export type Breakdown = v.InferOutput<typeof Breakdown>;
export type BreakdownRow = Breakdown["rows"][number];
export type CallRecord = v.InferOutput<typeof CallRecord>;
export type RunRecord = v.InferOutput<typeof RunRecord>;
export type Item = v.InferOutput<typeof Item>;
export type RecordsPage = v.InferOutput<typeof RecordsPage>;
export type CallTotals = v.InferOutput<typeof CallFigures>;
export type RunTotals = v.InferOutput<typeof RunFigures>;
export type State = v.InferOutput<typeof State>;
export type History = v.InferOutput<typeof History>;
