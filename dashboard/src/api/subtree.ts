// The organizations of a subtree, and their usage together: schema and requests.

import * as v from "valibot";
import { type ComparisonMode } from "../location/options";
import { type Range, rangeParameters } from "../range/range";
import { request } from "./client";
import { withParameters } from "./paths";
import type { components } from "./schema";
import { Summary, Text } from "./shapes";

export const MemberOrganizations = v.object({
  organizations: v.array(
    v.object({ organization_id: Text, name: v.nullable(Text), parent_id: v.nullable(Text) }),
  ),
}) satisfies v.GenericSchema<unknown, components["schemas"]["MemberOrganizations"]>;
export type MemberOrganizations = v.InferOutput<typeof MemberOrganizations>;

export function getMembers(organization: string, signal?: AbortSignal): Promise<MemberOrganizations> {
  const path = withParameters("/admin/usage/organizations", { organization_id: organization });
  return request(path, MemberOrganizations, { signal });
}

export function getSubtreeSummary(
  organization: string,
  range: Range,
  compare: ComparisonMode,
  signal?: AbortSignal,
): Promise<Summary> {
  const parameters = { ...rangeParameters(range), compare, subtree: "true", organization_id: organization };
  return request(withParameters("/admin/usage/summary", parameters), Summary, { signal });
}
