// Schemas of API responses, checked at run time. `satisfies` checks them against the types generated from openapi.json.

import * as v from "valibot";
import type { components } from "./schema";

export const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const Amount = v.pipe(v.number(), v.minValue(0));
export const Text = v.string();

/** How complete a day or another interval is. */
export const State = v.picklist(["future", "settling", "no_data", "final"]);

export const DayPoint = v.object({
  day: v.pipe(Text, v.isoDate()),
  calls: Count,
  voice_minutes: Amount,
  chat_minutes: Amount,
  workflow_runs: Count,
  voice_duration_ms: Count,
  chat_duration_ms: Count,
  inbound_calls: Count,
  outbound_calls: Count,
  workflow_runs_success: Count,
  workflow_runs_failed: Count,
  state: State,
  changed_at: v.nullable(Text),
}) satisfies v.GenericSchema<unknown, components["schemas"]["Day"]>;

export const Bounds = v.object({ from: Text, to: Text });
export const Delta = v.object({
  now: v.number(),
  then: v.number(),
  change: v.number(),
  change_percent: v.nullable(v.number()),
});

const CALLS = {
  calls: Count,
  voice_calls: Count,
  chat_calls: Count,
  inbound_calls: Count,
  outbound_calls: Count,
  voice_minutes: Amount,
  chat_minutes: Amount,
  voice_duration_ms: Count,
  chat_duration_ms: Count,
};
const RUNS = { workflow_runs: Count, workflow_runs_success: Count, workflow_runs_failed: Count };
/** The usage of a part of a window: calls, runs or both. */
export const PART = {
  call: { ...Bounds.entries, ...CALLS },
  run: { ...Bounds.entries, ...RUNS },
  all: { ...Bounds.entries, ...CALLS, ...RUNS },
};

export const Comparison = v.object({
  mode: v.picklist(["previous", "year"]),
  now: Bounds,
  then: Bounds,
  figures: v.record(Text, Delta),
}) satisfies v.GenericSchema<unknown, components["schemas"]["Comparison"]>;

export const Summary = v.object({
  from: Text,
  to: Text,
  last_event_at: v.nullable(Text),
  total_calls: Count,
  voice_calls: Count,
  chat_calls: Count,
  inbound_calls: Count,
  outbound_calls: Count,
  live_calls: Count,
  stale_calls: Count,
  stale_hours: Count,
  timed_calls: Count,
  voice_minutes: Amount,
  chat_minutes: Amount,
  avg_call_duration_sec: Amount,
  workflow_runs_total: Count,
  workflow_runs_success: Count,
  workflow_runs_failed: Count,
  live_runs: Count,
  voice_duration_ms: Count,
  chat_duration_ms: Count,
  total_agents: Count,
  total_phone_numbers: Count,
  shared_phone_numbers: Count,
  total_web_widgets: Count,
  total_datasets: Count,
  active_datasets: Count,
  comparison: v.nullable(v.object({ ...Comparison.entries, daily: v.array(v.nullable(v.object(PART.all))) })),
  daily: v.array(DayPoint),
}) satisfies v.GenericSchema<unknown, components["schemas"]["Summary"]>;

export const Session = v.object({
  signed_in: v.boolean(),
  organizations: v.array(v.object({ id: Text, name: Text })),
  organization: v.nullable(Text),
  /** The scopes in `organization`. */
  scopes: v.nullable(v.array(Text)),
  expires_at: v.nullable(Text),
  /** Whether budgets may be changed. */
  access: v.nullable(v.picklist(["read", "manage"])),
  /** Whether it is an operator's: of every organization, read-only. */
  operator: v.boolean(),
  plans_url: v.nullable(Text),
});

export const Scopes = v.array(Text);
export const Problem = v.object({ detail: Text });

export type Delta = v.InferOutput<typeof Delta>;
export type Comparison = v.InferOutput<typeof Comparison>;
export type DayPoint = v.InferOutput<typeof DayPoint>;
export type Summary = v.InferOutput<typeof Summary>;
export type Session = v.InferOutput<typeof Session>;
export type Organization = Session["organizations"][number];
