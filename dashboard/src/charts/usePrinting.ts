// Whether the page is being printed. Charts are then drawn again in the width that they have on paper, so that their labels
// keep their size, and the breakdown shows all its rows.

import { useSyncExternalStore } from "react";

/** The width in pixels of a drawing on paper, where two charts stand side by side. */
export const PRINT_WIDTH = 288;

const print = window.matchMedia("print");
/** Only events change it: in Chromium, reading `print.matches` before the change event is sent cancels that event. */
let printing = print.matches;
const listeners = new Set<() => void>();

function change(now: boolean): void {
  printing = now;
  for (const listener of listeners) listener();
}

// `beforeprint` can come before the media query matches.
window.addEventListener("beforeprint", () => {
  change(true);
});
window.addEventListener("afterprint", () => {
  change(false);
});
print.addEventListener("change", ({ matches }) => {
  change(matches);
});

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function usePrinting(): boolean {
  return useSyncExternalStore(subscribe, () => printing);
}
