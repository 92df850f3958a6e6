// Where the page is, as React reads it: the address bar is the only store of what was chosen and what is open.

import { useSyncExternalStore } from "react";
import { type Place, type Spot, addressOfScreen, readPlace, writePlace } from "./address";
import { dayAt } from "./days";

/** What changes; the rest of the place stays as it is. */
export type Change = Partial<Spot>;

/** How many steps of the history lie above the page without a drawer; 0: not known. */
interface Step {
  readonly above: number;
}

const listeners = new Set<() => void>();
let place: Place = take();

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, () => place);
}

/** The path that names the screen. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, pathNow);
}

export function placeNow(): Place {
  return place;
}

/** The address that a change leads to. */
export function addressOf(from: Place, change: Change): string {
  return window.location.pathname + writePlace(window.location.search, next(from, change));
}

/** Goes to a place: `push` for what a person chose, so that Back returns; `replace` for what the page fills in. */
export function visit(change: Change, how: "push" | "replace"): void {
  const there = next(place, change);
  const address = addressOf(place, change);
  if (how === "push") window.history.pushState({ above: stepsAbove(there) } satisfies Step, "", address);
  else window.history.replaceState(window.history.state, "", address);
  tell({ ...there, wrong: how === "push" ? null : place.wrong });
}

/** Goes to another screen, as a link of the browser's would. */
export function visitScreen(path: string): void {
  window.history.pushState({ above: 0 } satisfies Step, "", addressOfScreen(path, place.organization));
  tell(take());
  window.scrollTo(0, 0);
}

/** Closes the drawer: back to where it was opened, so that Back does not open it again. */
export function close(): void {
  const { above } = step();
  if (above > 0) window.history.go(-above);
  else visit({ records: null, record: null }, "replace");
}

/** From a record's history back to the list that it was opened from. */
export function backToList(): void {
  if (step().above > 1) window.history.back();
  else visit({ record: null }, "replace");
}

/** Forgets what was wrong with the address. */
export function dismiss(): void {
  tell({ ...place, wrong: null });
}

/** Another organization has other records. */
function next(from: Place, change: Change): Spot {
  const moves =
    from.organization !== null &&
    change.organization !== undefined &&
    change.organization !== from.organization;
  return { ...from, ...(moves && { records: null, record: null }), ...change };
}

function pathNow(): string {
  return window.location.pathname.replace(/\/+$/, "");
}

function isOpen({ records, record }: Spot): boolean {
  return records !== null || record !== null;
}

function stepsAbove(there: Spot): number {
  if (!isOpen(there)) return 0;
  if (!isOpen(place)) return 1;
  const { above } = step();
  return above === 0 ? 0 : above + 1;
}

function step(): Step {
  const state: unknown = window.history.state;
  const known = typeof state === "object" && state !== null && "above" in state ? state.above : 0;
  return { above: typeof known === "number" ? known : 0 };
}

function tell(there: Place): void {
  place = there;
  listeners.forEach((listener) => {
    listener();
  });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Reads the address; one that is wrong is replaced at once, so that it neither loops nor comes back. */
function take(): Place {
  const { pathname, search, hash } = window.location;
  const found = readPlace(search, dayAt(Date.now()));
  if (found.wrong !== null) {
    const mended = pathname + writePlace(search, found) + hash;
    window.history.replaceState(window.history.state, "", mended);
  }
  return found;
}

window.addEventListener("popstate", () => {
  tell(take());
});
