// The queries of costs and forecast.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { type Costs, type Forecast, getCosts, getForecast, getSplitCosts } from "../api/costs";
import { ApiError, isRetryable } from "../api/errors";
import { type CostSplit } from "../location/options";
import { type Range } from "../range/range";

export const FEW_ROWS = 10;
export const MANY_ROWS = 50;
const STALE_TIME_MS = 10_000;
const MAX_RETRIES = 2;
/** A 503 that asks to wait longer than this is not an overload: the server is still preparing the costs. */
const LONG_WAIT_SEC = 5;

/** Return the seconds to wait until the costs may be prepared, or null if the error is another one. */
export function preparingSec(error: unknown): number | null {
  if (!(error instanceof ApiError) || error.status !== 503 || error.retryAfterSec === null) return null;
  return error.retryAfterSec >= LONG_WAIT_SEC ? error.retryAfterSec : null;
}

/** Options of queries that the server answers with 503 while it prepares the costs. */
export const duringPreparation = {
  staleTime: STALE_TIME_MS,
  retry: (failures: number, error: Error) =>
    failures < MAX_RETRIES && isRetryable(error) && preparingSec(error) === null,
  refetchInterval: ({ state }: { state: { error: Error | null } }) => {
    const seconds = preparingSec(state.error);
    return seconds === null ? (false as const) : seconds * 1000;
  },
};

export function costsQuery(organization: string, range: Range) {
  return queryOptions({
    ...duringPreparation,
    queryKey: ["costs", organization, range.from, range.to],
    queryFn: ({ signal }): Promise<Costs> => getCosts(organization, range, signal),
    placeholderData: (previous, query) =>
      query?.queryKey[1] === organization ? keepPreviousData(previous) : undefined,
  });
}

export function splitQuery(organization: string, range: Range, by: CostSplit, limit: number) {
  return queryOptions({
    ...duringPreparation,
    queryKey: ["costs", organization, range.from, range.to, by, limit],
    queryFn: ({ signal }): Promise<Costs> => getSplitCosts(organization, range, by, limit, signal),
    placeholderData: (previous, query) =>
      query?.queryKey[1] === organization && query.queryKey[4] === by
        ? keepPreviousData(previous)
        : undefined,
  });
}

/** The forecast is an extra: if it fails, nothing is shown in its place. */
export function forecastQuery(organization: string) {
  return queryOptions({
    queryKey: ["costs", organization, "forecast"],
    queryFn: ({ signal }): Promise<Forecast> => getForecast(organization, signal),
    staleTime: STALE_TIME_MS,
    retry: false,
  });
}
