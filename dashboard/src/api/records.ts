// Records behind a figure, inventory items and the history of a record: schemas and requests.

import * as v from "valibot";
import { type Listing, type RecordKey, isItemKind } from "../location/listing";
import { type Range, rangeParameters } from "../range/range";
import { CallFigures, RunFigures } from "./breakdown";
import { request } from "./client";
import { withParameters } from "./paths";
import type { components } from "./schema";
import { Count, Text } from "./shapes";

type Schemas = components["schemas"];

const EventKey = v.object({
  source: Text,
  id: Text,
  time: Text,
  sequence: v.number(),
}) satisfies v.GenericSchema<unknown, Schemas["EventReference"]>;
const AddedFigures = v.record(Text, v.number());
const CURSOR = { next_cursor: v.nullable(Text), changed: v.boolean() };

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
  adds: AddedFigures,
  event: EventKey,
  stored_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["CallRecord"]>;

export const RunRecord = v.object({
  id: Text,
  created_at: Text,
  status: Text,
  workflow_id: v.nullable(Text),
  live: v.boolean(),
  adds: AddedFigures,
  event: EventKey,
  stored_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["RunRecord"]>;

export const InventoryItem = v.object({
  id: Text,
  name: v.nullable(Text),
  shared: v.boolean(),
  active: v.boolean(),
  event: EventKey,
  stored_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["Item"]>;

const NamesById = v.record(Text, Text);
export const CallNames = v.object({
  agents: NamesById,
  numbers: NamesById,
  widgets: NamesById,
}) satisfies v.GenericSchema<unknown, Schemas["CallNames"]>;

const CallsPage = v.object({
  ...CURSOR,
  kind: v.literal("conversation"),
  from: Text,
  to: Text,
  records_from: v.nullable(Text),
  records: v.array(CallRecord),
  names: CallNames,
  totals: v.nullable(CallFigures),
});
const RunsPage = v.object({
  ...CURSOR,
  kind: v.literal("workflow_execution"),
  from: Text,
  to: Text,
  records_from: v.nullable(Text),
  records: v.array(RunRecord),
  totals: v.nullable(RunFigures),
});
const InventoryPage = v.object({
  ...CURSOR,
  kind: v.picklist(["agent", "phone_number", "web_widget", "dataset"]),
  items: v.array(InventoryItem),
  total: v.nullable(Count),
});
export const RecordsPage = v.variant("kind", [CallsPage, RunsPage, InventoryPage]);

export const RecordState = v.object({
  wins: v.boolean(),
  why: Text,
  state: v.picklist(["live", "terminal", "deleted"]),
  record: v.nullable(v.record(Text, v.union([Text, v.number(), v.boolean(), v.null()]))),
  adds: AddedFigures,
  event: EventKey,
  stored_at: Text,
});
export const RecordHistory = v.object({
  kind: Text,
  id: Text,
  history_days: v.nullable(Count),
  linked_to: v.nullable(Text),
  linked: v.array(Text),
  names: CallNames,
  states: v.array(RecordState),
});

/** One page of a list. Inventory lists do not depend on the range. */
export function getRecordsPage(
  organization: string,
  range: Range,
  { kind, filter }: Listing,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<RecordsPage> {
  const parameters = {
    kind,
    ...(isItemKind(kind) ? {} : rangeParameters(range)),
    ...(filter as Record<string, string>),
    ...(cursor !== null && { cursor }),
    organization_id: organization,
  };
  const path = isItemKind(kind) ? "/admin/usage/inventory" : "/admin/usage/records";
  return request(withParameters(path, parameters), RecordsPage, { signal });
}

export function getHistory(
  organization: string,
  { kind, id }: RecordKey,
  signal?: AbortSignal,
): Promise<RecordHistory> {
  const path = `/admin/usage/records/${kind}/${encodeURIComponent(id)}`;
  return request(withParameters(path, { organization_id: organization }), RecordHistory, { signal });
}

export type CallNames = v.InferOutput<typeof CallNames>;
export type CallRecord = v.InferOutput<typeof CallRecord>;
export type RunRecord = v.InferOutput<typeof RunRecord>;
export type InventoryItem = v.InferOutput<typeof InventoryItem>;
export type RecordsPage = v.InferOutput<typeof RecordsPage>;
export type RecordState = v.InferOutput<typeof RecordState>;
export type RecordHistory = v.InferOutput<typeof RecordHistory>;
