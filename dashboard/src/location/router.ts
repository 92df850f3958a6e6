// The router. The URL is the only store of what is selected and open; React reads it through hooks.

import { useSyncExternalStore } from "react";
import { utcDay } from "../range/days";
import { type PageLocation, type PageState, formatUrl, parseUrl, screenUrl } from "./url";

/** The parts of the state that change; the rest stays. */
export type StateChange = Partial<PageState>;

/** What each history entry stores. */
interface EntryState {
  /** How many entries back the page without a drawer is; 0 if no drawer is open or it is unknown. */
  readonly depth: number;
}

const listeners = new Set<() => void>();
let current: PageLocation = readLocation();

export function usePageLocation(): PageLocation {
  return useSyncExternalStore(subscribe, () => current);
}

/** Return the path, which selects the screen. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, currentPath);
}

/** Return the location outside React. */
export function currentLocation(): PageLocation {
  return current;
}

/** Return the URL of a location after a change. */
export function urlAfter(from: PageLocation, change: StateChange): string {
  return window.location.pathname + formatUrl(window.location.search, applyChange(from, change));
}

/** Change the state: `push` for user actions, so that Back undoes them; `replace` for corrections by the page. */
export function navigate(change: StateChange, mode: "push" | "replace"): void {
  const next = applyChange(current, change);
  const url = urlAfter(current, change);
  if (mode === "push") {
    window.history.pushState({ depth: drawerDepth(next) } satisfies EntryState, "", url);
  } else {
    window.history.replaceState(window.history.state, "", url);
  }
  publish({ ...next, urlError: mode === "push" ? null : current.urlError });
}

/** Go to another screen without reloading the page. */
export function navigateToScreen(path: string): void {
  const url = screenUrl(path, current.organization);
  window.history.pushState({ depth: 0 } satisfies EntryState, "", url);
  publish(readLocation());
  window.scrollTo(0, 0);
}

/** Close the drawer by going back to where it was opened, so that Back does not reopen it. */
export function closeDrawer(): void {
  const { depth } = entryState();
  if (depth > 0) window.history.go(-depth);
  else navigate({ records: null, record: null }, "replace");
}

/** Go from a record's history back to the list it was opened from. */
export function backToList(): void {
  if (entryState().depth > 1) window.history.back();
  else navigate({ record: null }, "replace");
}

export function dismissUrlError(): void {
  publish({ ...current, urlError: null });
}

/** Apply a change; switching the organization closes the drawer and drops the filter. */
function applyChange(from: PageLocation, change: StateChange): PageState {
  const switches =
    from.organization !== null &&
    change.organization !== undefined &&
    change.organization !== from.organization;
  return { ...from, ...(switches && { records: null, record: null, filter: null }), ...change };
}

function currentPath(): string {
  return window.location.pathname.replace(/\/+$/, "");
}

function isDrawerOpen({ records, record }: PageState): boolean {
  return records !== null || record !== null;
}

/** Return the depth of a new entry with the state `next`. */
function drawerDepth(next: PageState): number {
  if (!isDrawerOpen(next)) return 0;
  if (!isDrawerOpen(current)) return 1;
  const { depth } = entryState();
  return depth === 0 ? 0 : depth + 1;
}

function entryState(): EntryState {
  const state: unknown = window.history.state;
  const depth = typeof state === "object" && state !== null && "depth" in state ? state.depth : 0;
  return { depth: typeof depth === "number" ? depth : 0 };
}

function publish(next: PageLocation): void {
  current = next;
  listeners.forEach((listener) => {
    listener();
  });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Parse the URL and replace it if it is invalid, so that Back never returns to the invalid one. */
function readLocation(): PageLocation {
  const { pathname, search, hash } = window.location;
  const location = parseUrl(search, utcDay(Date.now()));
  if (location.urlError !== null) {
    const corrected = pathname + formatUrl(search, location) + hash;
    window.history.replaceState(window.history.state, "", corrected);
  }
  return location;
}

window.addEventListener("popstate", () => {
  publish(readLocation());
});
