// The addresses of downloads: plain links, which the session's cookie may follow.

import { type Listing } from "../range/listing";
import { type Range, queryOf } from "../range/range";
import { address } from "./client";

type Of = "daily" | "records" | "breakdown";

export function exportOf(
  organization: string,
  range: Range,
  of: Of,
  parameters: Readonly<Record<string, string>> = {},
): string {
  const all = { ...queryOf(range), of, format: "csv", ...parameters, organization_id: organization };
  return address("/admin/usage/export", all);
}

/** A list's own records, all of them. */
export function exportOfList(organization: string, range: Range, { kind, filter }: Listing): string {
  return exportOf(organization, range, "records", { kind, ...(filter as Record<string, string>) });
}
