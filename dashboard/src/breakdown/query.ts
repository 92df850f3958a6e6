// The query of the breakdown.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Breakdown, type BreakdownRow, getBreakdown } from "../api/breakdown";
import { type Dimension, type SortOrder } from "../location/options";
import { countDays } from "../range/days";
import { type Range } from "../range/range";

export const FEW_ROWS = 10;
export const MANY_ROWS = 50;
/** Longer ranges get a weekly series. */
const MAX_DAYS_OF_DAILY_SERIES = 62;
const STALE_TIME_MS = 10_000;

/** The API's `order`: workflows have runs only. */
export type BreakdownOrder = SortOrder | "runs";

export function breakdownOrder(by: Dimension, order: SortOrder): BreakdownOrder {
  return by === "workflow" ? "runs" : order;
}

export function breakdownQuery(
  organization: string,
  range: Range,
  by: Dimension,
  order: SortOrder,
  limit: number,
) {
  const interval = countDays(range.from, range.to) <= MAX_DAYS_OF_DAILY_SERIES ? "day" : "week";
  const options = { by, order: breakdownOrder(by, order), limit, interval } as const;
  return queryOptions({
    queryKey: ["breakdown", organization, range.from, range.to, options],
    queryFn: ({ signal }): Promise<Breakdown> => getBreakdown(organization, range, options, signal),
    // Data prefetched with the summary is not fetched again when the section appears.
    staleTime: STALE_TIME_MS,
    placeholderData: (previous, query) => {
      const previousOptions = query?.queryKey[4];
      const sameTab =
        query?.queryKey[1] === organization &&
        typeof previousOptions === "object" &&
        previousOptions.by === by;
      return sameTab ? keepPreviousData(previous) : undefined;
    },
  });
}

/** Return the figure that rows are ordered by. */
export function figureValue(row: BreakdownRow | Breakdown["others"], order: BreakdownOrder): number {
  if (!("total_calls" in row)) return row.workflow_runs_total;
  switch (order) {
    case "voice":
      return row.voice_minutes;
    case "chat":
      return row.chat_minutes;
    case "calls":
    case "runs":
      return row.total_calls;
  }
}
