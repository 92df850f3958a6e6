// The question of "What drives it": one breakdown of the range, as the address says.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Breakdown, type BreakdownRow, getBreakdown } from "../api/lists";
import { daysIncluded } from "../range/days";
import { type By, type Order } from "../range/options";
import { type Range } from "../range/range";

export const FEW_ROWS = 10;
export const MANY_ROWS = 50;
const MOST_DAYS_OF_DAYS = 62;
const FRESH_MS = 10_000;

/** The order a tab has: workflows have runs only. */
export type RowOrder = Order | "runs";

export function orderOf(by: By, order: Order): RowOrder {
  return by === "workflow" ? "runs" : order;
}

export function breakdownQuery(organization: string, range: Range, by: By, order: Order, limit: number) {
  const interval = daysIncluded(range.from, range.to) <= MOST_DAYS_OF_DAYS ? "day" : "week";
  const split = { by, order: orderOf(by, order), limit, interval } as const;
  return queryOptions({
    queryKey: ["breakdown", organization, range.from, range.to, split],
    queryFn: ({ signal }): Promise<Breakdown> => getBreakdown(organization, range, split, signal),
    // What was fetched beside the summary is not fetched again when the section appears.
    staleTime: FRESH_MS,
    placeholderData: (last, query) => {
      const before = query?.queryKey[4];
      const alike = query?.queryKey[1] === organization && typeof before === "object" && before.by === by;
      return alike ? keepPreviousData(last) : undefined;
    },
  });
}

/** A row's figure of the order, as the API names it. */
export function figureOf(row: BreakdownRow | Breakdown["others"], order: RowOrder): number {
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
