// All organizations of the platform, for its operators: schemas, requests and the address of the file.

import * as v from "valibot";
import { request } from "./client";
import { withParameters } from "./paths";
import type { components } from "./schema";
import { Count, Delta, Text } from "./shapes";

const Figures = {
  total_calls: Count,
  voice_minutes: v.number(),
  chat_minutes: v.number(),
  workflow_runs_total: Count,
};
const Organization = v.object({
  ...Figures,
  organization_id: Text,
  name: Text,
  plan: v.nullable(Text),
  cost: v.nullable(v.object({ amount: Text, currency: Text })),
  change: v.nullable(Delta),
  last_event_at: v.nullable(Text),
  silent_connectors: Count,
  quarantined: Count,
});
const Organizations = v.object({
  from: Text,
  to: Text,
  totals: v.object(Figures),
  total_organizations: Count,
  organizations: v.array(Organization),
  next_cursor: v.nullable(Text),
}) satisfies v.GenericSchema<
  unknown,
  Omit<components["schemas"]["OrganizationList"], "totals" | "organizations">
>;

export type Organization = v.InferOutput<typeof Organization>;
export type Organizations = v.InferOutput<typeof Organizations>;

/** What the list shows. `sort` is a parameter of the API. */
export interface OrganizationQuery {
  readonly month: string;
  readonly sort: string;
  readonly search: string;
}

export function getOrganizations(
  query: OrganizationQuery,
  cursor: string | null,
  signal: AbortSignal,
): Promise<Organizations> {
  const parameters = { ...query, ...(cursor === null ? {} : { cursor }) };
  return request(withParameters("/operator/organizations", parameters), Organizations, { signal });
}

/** The address of a file with all organizations of the query. */
export function organizationsFile(query: OrganizationQuery): string {
  return withParameters("/operator/organizations/export", { ...query, format: "csv" });
}
