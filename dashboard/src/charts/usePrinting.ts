// Whether the page is being printed. Charts are then drawn again in the width that they have on paper, so that their labels
// keep their size.

import { useSyncExternalStore } from "react";

/** The width in pixels of a drawing on paper, where two charts stand side by side. */
export const PRINT_WIDTH = 288;

const print = window.matchMedia("print");
/** Between `beforeprint` and `afterprint`, which can come before the media query matches. */
let announced = false;

function subscribe(listener: () => void): () => void {
  const before = () => {
    announced = true;
    listener();
  };
  const after = () => {
    announced = false;
    listener();
  };
  window.addEventListener("beforeprint", before);
  window.addEventListener("afterprint", after);
  print.addEventListener("change", listener);
  return () => {
    window.removeEventListener("beforeprint", before);
    window.removeEventListener("afterprint", after);
    print.removeEventListener("change", listener);
  };
}

export function usePrinting(): boolean {
  return useSyncExternalStore(subscribe, () => announced || print.matches);
}
