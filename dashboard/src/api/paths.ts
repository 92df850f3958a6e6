// The paths of the requests that the page sends first.

import { type PageFilter, filterParameters } from "../location/filter";
import { type ComparisonMode, type Grain } from "../location/options";
import { type Range, rangeParameters } from "../range/range";

/** The path of the session, with its scopes in an organization; with null in its first one. */
export function sessionPath(organization: string | null): string {
  return organization === null ? "/session" : withParameters("/session", { organization_id: organization });
}

export function summaryPath(organization: string, range: Range, compare: ComparisonMode): string {
  const parameters = { ...rangeParameters(range), compare, organization_id: organization };
  return withParameters("/admin/usage/summary", parameters);
}

export interface SeriesOptions {
  readonly interval: Grain;
  readonly compare: ComparisonMode;
  readonly filter: PageFilter | null;
}

export function seriesPath(
  organization: string,
  range: Range,
  { interval, compare, filter }: SeriesOptions,
): string {
  const parameters = { ...rangeParameters(range), interval, compare, ...filterParameters(filter) };
  return withParameters("/admin/usage/series", { ...parameters, organization_id: organization });
}

export function withParameters(path: string, parameters: Record<string, string>): string {
  return `${path}?${new URLSearchParams(parameters).toString()}`;
}
