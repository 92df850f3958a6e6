// An organization's connectors and the outcomes of their webhooks: schemas and request.

import * as v from "valibot";
import { request } from "./client";
import { withParameters } from "./paths";
import type { components } from "./schema";
import { Count, Text } from "./shapes";

type Schemas = components["schemas"];

const OUTCOMES = {
  accepted: Count,
  duplicate: Count,
  conflicting: Count,
  stale: Count,
  quarantined: Count,
  ignored: Count,
  rejected: Count,
};
const Outcomes = v.object(OUTCOMES) satisfies v.GenericSchema<unknown, Schemas["OutcomeCounts"]>;
const OutcomesOfDay = v.object({
  date: v.pipe(Text, v.isoDate()),
  ...OUTCOMES,
}) satisfies v.GenericSchema<unknown, Schemas["OutcomesOfDay"]>;
const IgnoredType = v.object({
  type: Text,
  messages: Count,
  last_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["IgnoredType"]>;
const AssumedValue = v.object({
  missing: Text,
  messages: Count,
  last_at: Text,
}) satisfies v.GenericSchema<unknown, Schemas["AssumedValue"]>;
const Connector = v.object({
  id: Text,
  provider: Text,
  created_at: Text,
  disabled_at: v.nullable(Text),
  last_event_at: v.nullable(Text),
  last_rejected_at: v.nullable(Text),
  outcomes: Outcomes,
  days: v.array(OutcomesOfDay),
  ignored_types: v.array(IgnoredType),
  assumed_values: v.array(AssumedValue),
  open_conversations: Count,
  silent_hours: v.nullable(Count),
}) satisfies v.GenericSchema<unknown, Schemas["ConnectorHealth"]>;

export const Connectors = v.object({
  organization_id: Text,
  as_of: Text,
  connectors: v.array(Connector),
}) satisfies v.GenericSchema<unknown, Schemas["Connectors"]>;

export function getConnectors(organization: string, signal?: AbortSignal): Promise<Connectors> {
  return request(withParameters("/admin/usage/connectors", { organization_id: organization }), Connectors, {
    signal,
  });
}

export type Outcome = keyof typeof OUTCOMES;
export type Outcomes = v.InferOutput<typeof Outcomes>;
export type OutcomesOfDay = v.InferOutput<typeof OutcomesOfDay>;
export type Connector = v.InferOutput<typeof Connector>;
export type Connectors = v.InferOutput<typeof Connectors>;
