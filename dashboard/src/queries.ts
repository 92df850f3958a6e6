// TanStack Query: retries, sign-out on 401, and the queries that more than one module uses. Keys include the organization,
// so that cached data never mixes organizations.

import { QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { getScopes, getSession, getSummary, signInWithLink } from "./api/client";
import { ApiError, hasStatus, isRetryable } from "./api/errors";
import { type SeriesOptions } from "./api/paths";
import { type Series, getSeries } from "./api/series";
import { type Session, type Summary } from "./api/shapes";
import { type ComparisonMode } from "./location/options";
import { currentLocation } from "./location/router";
import { type Range } from "./range/range";
import { isAccessKnown, rememberAccess } from "./shell/knownAccess";
import { takeSignInSecret } from "./session/signInLink";

const MAX_RETRIES = 2;
const NEW_ORGANIZATION_POLL_MS = 5_000;
export const BILLING_SCOPE = "billing:manage";

export type SessionState =
  { signedIn: true; session: Session; failedLink?: string } | { signedIn: false; reason: SignedOutReason };
export type SignedOutReason = { kind: "never" | "ended" | "signed-out" } | { kind: "link"; message: string };

export interface FetchedSummary {
  readonly summary: Summary;
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
}

export interface FetchedSeries {
  readonly series: Series;
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      if (hasStatus(error, 401)) endSession("ended");
    },
  }),
  defaultOptions: {
    queries: {
      networkMode: "always",
      refetchOnWindowFocus: false,
      refetchOnReconnect: true,
      retry: (failures, error) => failures < MAX_RETRIES && isRetryable(error),
      retryDelay: (failures) => 500 * 2 ** failures,
    },
    mutations: { networkMode: "always", retry: false },
  },
});

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: Infinity,
  gcTime: Infinity,
  queryFn: async ({ signal }): Promise<SessionState> => {
    const state = await readSession(signal);
    keepScopes(state);
    return state;
  },
});

async function readSession(signal: AbortSignal): Promise<SessionState> {
  const { organization } = currentLocation();
  const secret = takeSignInSecret();
  if (secret === null) return toSessionState(await getSession(organization, signal));
  try {
    return toSessionState(await signInWithLink(secret));
  } catch (error) {
    if (error instanceof ApiError && !isRetryable(error)) {
      // The earlier session, if there is one, is still valid.
      const state = toSessionState(await getSession(organization, signal));
      if (state.signedIn) return { ...state, failedLink: error.message };
      return { signedIn: false, reason: { kind: "link", message: error.message } };
    }
    throw error;
  }
}

/** The scopes in an organization. Those of the first one come with the session. */
export function scopesQuery(organization: string) {
  return queryOptions({
    queryKey: ["scopes", organization],
    staleTime: Infinity,
    queryFn: ({ signal }) => getScopes(organization, signal),
  });
}

/** Keep the scopes that came with the session, so that they are not requested. */
function keepScopes(state: SessionState): void {
  if (!state.signedIn) return;
  const { organization, scopes } = state.session;
  if (organization !== null && scopes !== null) {
    queryClient.setQueryData(scopesQuery(organization).queryKey, scopes);
  }
}

export function summaryQuery(organization: string, range: Range, compare: ComparisonMode) {
  return queryOptions({
    queryKey: ["summary", organization, range.from, range.to, compare],
    queryFn: async ({ signal }): Promise<FetchedSummary> => {
      const summary = await getSummary(organization, range, compare, signal);
      return { summary, fetchedAt: Date.now() };
    },
    refetchInterval: ({ state }) =>
      state.data?.summary.last_event_at === null && state.error === null ? NEW_ORGANIZATION_POLL_MS : false,
  });
}

/** The figures of cards and charts that the summary does not have: another grain than days, or a filter. */
export function seriesQuery(organization: string, range: Range, options: SeriesOptions) {
  return queryOptions({
    queryKey: ["series", organization, range.from, range.to, options],
    queryFn: async ({ signal }): Promise<FetchedSeries> => {
      const series = await getSeries(organization, range, options, signal);
      return { series, fetchedAt: Date.now() };
    },
  });
}

export function toSessionState(session: Session): SessionState {
  if (session.signed_in) return { signedIn: true, session };
  // There was a session when this browser was here last.
  return { signedIn: false, reason: { kind: isAccessKnown(null) ? "ended" : "never" } };
}

/** Set the session state and drop all cached data of the previous session. */
export function startSession(state: SessionState): void {
  if (!state.signedIn) rememberAccess(null);
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
  keepScopes(state);
  queryClient.setQueryData(sessionQuery.queryKey, state);
}

export function endSession(kind: "ended" | "signed-out"): void {
  startSession({ signedIn: false, reason: { kind } });
}
