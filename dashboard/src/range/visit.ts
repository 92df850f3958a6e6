// Where the page is, as React reads it: the address bar is the only store of organization and range.

import { useSyncExternalStore } from "react";
import { type Place, readPlace, writePlace } from "./address";
import { dayAt } from "./days";
import { type Choice } from "./range";

const listeners = new Set<() => void>();
let place: Place = take();

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, () => place);
}

/** Goes to a place: `push` for what a person chose, so that Back returns; `replace` for what the page fills in. */
export function visit(organization: string | null, choice: Choice, how: "push" | "replace"): void {
  const address = window.location.pathname + writePlace(window.location.search, organization, choice);
  if (how === "push") window.history.pushState(null, "", address);
  else window.history.replaceState(null, "", address);
  tell({ organization, choice, wrong: how === "push" ? null : place.wrong });
}

/** Forgets what was wrong with the address. */
export function dismiss(): void {
  tell({ ...place, wrong: null });
}

function tell(next: Place): void {
  place = next;
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
    const mended = pathname + writePlace(search, found.organization, found.choice) + hash;
    window.history.replaceState(null, "", mended);
  }
  return found;
}

window.addEventListener("popstate", () => {
  tell(take());
});
