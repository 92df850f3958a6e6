// The usage of a range by hour, day, week or month, of everything or of one agent, number, widget, channel or workflow:
// schema and request.

import * as v from "valibot";
import { type Range } from "../range/range";
import { request } from "./client";
import { type SeriesOptions, seriesPath } from "./paths";
import type { components } from "./schema";
import { Amount, Comparison, Count, PART, State, Text } from "./shapes";

type Schemas = components["schemas"];

const CALL_TOTALS = {
  total_calls: Count,
  voice_calls: Count,
  chat_calls: Count,
  inbound_calls: Count,
  outbound_calls: Count,
  timed_calls: Count,
  live_calls: Count,
  stale_calls: Count,
  stale_hours: Count,
  voice_minutes: Amount,
  chat_minutes: Amount,
  avg_call_duration_sec: Amount,
  voice_duration_ms: Count,
  chat_duration_ms: Count,
};
const RUN_TOTALS = {
  workflow_runs_total: Count,
  workflow_runs_success: Count,
  workflow_runs_failed: Count,
  live_runs: Count,
};
const POINT = { start: Text, whole: v.boolean(), state: State };
const HEAD = {
  from: Text,
  to: Text,
  interval: v.picklist(["hour", "day", "week", "month"]),
  comparison: v.nullable(Comparison),
};
const Filter = v.object({ by: Text, value: v.nullable(Text), name: v.nullable(Text) });

const UsageSeries = v.object({
  ...HEAD,
  ...CALL_TOTALS,
  ...RUN_TOTALS,
  filter: v.null(),
  points: v.array(v.object({ ...POINT, ...PART.all })),
  then: v.nullable(v.array(v.nullable(v.object(PART.all)))),
}) satisfies v.GenericSchema<unknown, Schemas["UsageSeries"]>;
const CallSeries = v.object({
  ...HEAD,
  ...CALL_TOTALS,
  filter: Filter,
  points: v.array(v.object({ ...POINT, ...PART.call })),
  then: v.nullable(v.array(v.nullable(v.object(PART.call)))),
});
const RunSeries = v.object({
  ...HEAD,
  ...RUN_TOTALS,
  filter: Filter,
  points: v.array(v.object({ ...POINT, ...PART.run })),
  then: v.nullable(v.array(v.nullable(v.object(PART.run)))),
});
export const Series = v.union([UsageSeries, CallSeries, RunSeries]);

export function getSeries(
  organization: string,
  range: Range,
  options: SeriesOptions,
  signal?: AbortSignal,
): Promise<Series> {
  return request(seriesPath(organization, range, options), Series, { signal });
}

export type Series = v.InferOutput<typeof Series>;
