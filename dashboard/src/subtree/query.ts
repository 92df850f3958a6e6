// The queries of a subtree.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { getBreakdown } from "../api/breakdown";
import { getMembers, getSubtreeSummary } from "../api/subtree";
import { availableComparison, type ComparisonMode } from "../location/options";
import { type Range } from "../range/range";

const SCOPE = "child_organizations:manage";
/** More organizations are one row. */
const MAX_ROWS = 50;

/** The organizations of a subtree, if the scopes allow it. */
export function membersQuery(organization: string, scopes: readonly string[] | undefined) {
  return queryOptions({
    queryKey: ["members", organization],
    staleTime: Infinity,
    queryFn: ({ signal }) => getMembers(organization, signal),
    enabled: scopes?.includes(SCOPE) === true,
  });
}

/** The usage of a subtree: its sums, and the calls of each organization. */
export function subtreeQuery(organization: string, range: Range, mode: ComparisonMode) {
  const compare = availableComparison(range, mode);
  return queryOptions({
    // Refreshed together with the breakdown.
    queryKey: ["breakdown", organization, "subtree", range.from, range.to, compare],
    queryFn: async ({ signal }) => {
      const options = { by: "organization", limit: MAX_ROWS, interval: "week", filter: null } as const;
      const [summary, calls] = await Promise.all([
        getSubtreeSummary(organization, range, compare, signal),
        getBreakdown(organization, range, { ...options, order: "calls", compare: "none" }, signal),
      ]);
      return { summary, calls };
    },
    placeholderData: keepPreviousData,
  });
}
