// Whether the page is being printed.

import { useSyncExternalStore } from "react";
import { flushSync } from "react-dom";

const print = window.matchMedia("print");

function subscribe(listener: () => void): () => void {
  const changed = () => {
    // The browser prints what is rendered when this returns.
    flushSync(listener);
  };
  print.addEventListener("change", changed);
  return () => {
    print.removeEventListener("change", changed);
  };
}

export function usePrinting(): boolean {
  return useSyncExternalStore(subscribe, () => print.matches);
}
