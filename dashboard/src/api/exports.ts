// Download URLs. They are plain links, authorized by the session cookie.

import { type Listing } from "../location/listing";
import { type Range, rangeParameters } from "../range/range";
import { withParameters } from "./paths";

type ExportKind = "daily" | "records" | "breakdown";

export function exportUrl(
  organization: string,
  range: Range,
  of: ExportKind,
  parameters: Readonly<Record<string, string>> = {},
): string {
  const query = {
    ...rangeParameters(range),
    of,
    format: "csv",
    ...parameters,
    organization_id: organization,
  };
  return withParameters("/admin/usage/export", query);
}

/** The export of all records of a list. */
export function listExportUrl(organization: string, range: Range, { kind, filter }: Listing): string {
  return exportUrl(organization, range, "records", { kind, ...(filter as Record<string, string>) });
}
