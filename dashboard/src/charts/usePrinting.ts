// Whether the page is being printed. Charts are then drawn again in the width that they have on paper, so that their labels
// keep their size.

import { useSyncExternalStore } from "react";

/** The width in pixels of a drawing on paper, where two charts stand side by side. */
export const PRINT_WIDTH = 288;

const print = window.matchMedia("print");
let printing = print.matches;

function subscribe(listener: () => void): () => void {
  const set = (value: boolean) => () => {
    printing = value;
    listener();
  };
  const [before, after] = [set(true), set(false)];
  const changed = ({ matches }: MediaQueryListEvent) => {
    set(matches)();
  };
  window.addEventListener("beforeprint", before);
  window.addEventListener("afterprint", after);
  print.addEventListener("change", changed);
  return () => {
    window.removeEventListener("beforeprint", before);
    window.removeEventListener("afterprint", after);
    print.removeEventListener("change", changed);
  };
}

export function usePrinting(): boolean {
  return useSyncExternalStore(subscribe, () => printing);
}
