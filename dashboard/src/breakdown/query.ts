// The query of the breakdown.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Breakdown, getBreakdown } from "../api/breakdown";
import { type PageFilter } from "../location/filter";
import { type ComparisonMode, type Dimension, type SortOrder } from "../location/options";
import { countDays } from "../range/days";
import { type Range } from "../range/range";

export const FEW_ROWS = 10;
/** The API's limit. */
export const MAX_ROWS = 1_000;
/** Longer ranges get a weekly series. */
const MAX_DAYS_OF_DAILY_SERIES = 62;
const STALE_TIME_MS = 10_000;

/** The API's `order`: workflows have runs only. */
export type BreakdownOrder = SortOrder | "runs";

export function breakdownOrder(by: Dimension, order: SortOrder): BreakdownOrder {
  return by === "workflow" ? "runs" : order;
}

export interface BreakdownView {
  readonly by: Dimension;
  readonly order: SortOrder;
  readonly compare: ComparisonMode;
  readonly filter: PageFilter | null;
}

export function breakdownQuery(organization: string, range: Range, view: BreakdownView, limit: number) {
  const { by, compare, filter } = view;
  const interval = countDays(range.from, range.to) <= MAX_DAYS_OF_DAILY_SERIES ? "day" : "week";
  const options = { by, order: breakdownOrder(by, view.order), limit, interval, compare, filter } as const;
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
