// The breakdown of the usage by one dimension: schema and request.

import * as v from "valibot";
import { type Range, rangeParameters } from "../range/range";
import { request } from "./client";
import { withParameters } from "./paths";
import { type PageFilter, filterParameters } from "../location/filter";
import { type ComparisonMode } from "../location/options";
import type { components } from "./schema";
import { Amount, Bounds, Count, Delta, Text } from "./shapes";

type Schemas = components["schemas"];

const CALL_FIGURES = {
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
const RUN_FIGURES = {
  workflow_runs_total: Count,
  workflow_runs_success: Count,
  workflow_runs_failed: Count,
  live_runs: Count,
};
const SHARE_AND_SERIES = {
  share: Amount,
  series: v.nullable(v.array(Count)),
  comparison: v.nullable(v.record(Text, Delta)),
};
const ROW = { ...SHARE_AND_SERIES, value: v.nullable(Text), name: v.nullable(Text) };
const OTHERS = { ...SHARE_AND_SERIES, values: Count };
const BREAKDOWN_COMMON = {
  from: Text,
  to: Text,
  by: Text,
  order: Text,
  starts: v.nullable(v.array(Text)),
  comparison: v.nullable(v.object({ now: Bounds, then: Bounds })),
};

export const CallFigures = v.object(CALL_FIGURES) satisfies v.GenericSchema<unknown, Schemas["CallFigures"]>;
export const RunFigures = v.object(RUN_FIGURES) satisfies v.GenericSchema<unknown, Schemas["RunFigures"]>;

export const Breakdown = v.union([
  v.object({
    ...BREAKDOWN_COMMON,
    rows: v.array(v.object({ ...ROW, ...CALL_FIGURES })),
    others: v.object({ ...OTHERS, ...CALL_FIGURES }),
  }),
  v.object({
    ...BREAKDOWN_COMMON,
    rows: v.array(v.object({ ...ROW, ...RUN_FIGURES })),
    others: v.object({ ...OTHERS, ...RUN_FIGURES }),
  }),
]);

export interface BreakdownOptions {
  readonly by: string;
  readonly order: string;
  readonly limit: number;
  readonly interval: "day" | "week";
  readonly compare: ComparisonMode;
  readonly filter: PageFilter | null;
}

export function getBreakdown(
  organization: string,
  range: Range,
  { filter, limit, ...options }: BreakdownOptions,
  signal?: AbortSignal,
): Promise<Breakdown> {
  const parameters = {
    ...rangeParameters(range),
    ...options,
    ...filterParameters(filter),
    limit: String(limit),
  };
  return request(
    withParameters("/admin/usage/breakdown", { ...parameters, organization_id: organization }),
    Breakdown,
    {
      signal,
    },
  );
}

export type Breakdown = v.InferOutput<typeof Breakdown>;
export type BreakdownRow = Breakdown["rows"][number];
export type CallFigures = v.InferOutput<typeof CallFigures>;
export type RunFigures = v.InferOutput<typeof RunFigures>;
