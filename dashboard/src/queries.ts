// How the page asks and remembers: retries, what a 401 means, and that nothing is mixed between organizations.

import { QueryCache, QueryClient, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { getScopes, getSession, getSummary, signInWithLink } from "./api/client";
import { Refused, hasStatus, mayPass } from "./api/errors";
import { type Session, type Summary } from "./api/shapes";
import { type Compare } from "./range/options";
import { type Range } from "./range/range";
import { takeLink } from "./session/link";

const MOST_RETRIES = 2;
const NEW_ORGANIZATION_POLL_MS = 5_000;
export const BILLING = "billing:manage";

/** A signed-in browser, or why it is not. */
export type SessionState = { signedIn: true; session: Session } | { signedIn: false; why: SignedOutReason };
export type SignedOutReason = { kind: "never" | "ended" | "signed-out" } | { kind: "link"; sentence: string };

/** Figures, and when they were fetched. */
export interface Figures {
  readonly summary: Summary;
  readonly fetchedAt: number;
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      if (hasStatus(error, 401)) leave("ended");
    },
  }),
  defaultOptions: {
    queries: {
      networkMode: "always",
      refetchOnWindowFocus: false,
      refetchOnReconnect: true,
      retry: (failures, error) => failures < MOST_RETRIES && mayPass(error),
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
    const secret = takeLink();
    if (secret === null) return stateOf(await getSession(signal));
    try {
      return stateOf(await signInWithLink(secret));
    } catch (error) {
      if (error instanceof Refused && !mayPass(error)) {
        return { signedIn: false, why: { kind: "link", sentence: error.message } };
      }
      throw error;
    }
  },
});

export function scopesQuery(organization: string) {
  return queryOptions({
    queryKey: ["scopes", organization],
    staleTime: Infinity,
    queryFn: ({ signal }) => getScopes(organization, signal),
  });
}

export function summaryQuery(organization: string, range: Range, compare: Compare) {
  return queryOptions({
    queryKey: ["summary", organization, range.from, range.to, compare],
    queryFn: async ({ signal }): Promise<Figures> => {
      const summary = await getSummary(organization, range, compare, signal);
      return { summary, fetchedAt: Date.now() };
    },
    placeholderData: (last, query) =>
      query?.queryKey[1] === organization ? keepPreviousData(last) : undefined,
    refetchInterval: ({ state }) =>
      state.data?.summary.last_event_at === null && state.error === null ? NEW_ORGANIZATION_POLL_MS : false,
  });
}

export function stateOf(session: Session): SessionState {
  return session.signed_in ? { signedIn: true, session } : { signedIn: false, why: { kind: "never" } };
}

/** Puts a session in force: everything of the one before is forgotten. */
export function enter(state: SessionState): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
  queryClient.setQueryData(sessionQuery.queryKey, state);
}

export function leave(kind: "ended" | "signed-out"): void {
  enter({ signedIn: false, why: { kind } });
}
