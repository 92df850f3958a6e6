// Remembers the heights of parts of the page for this tab, so that after a reload their skeletons have the final height.
// A part without a remembered height has no skeleton, because it may not be shown at all.

import { readStored, store } from "./storage";

const KEY = "talkmeter-height:";

/** `part` names the part and the organization: `costs acme`. */
export function expectedHeight(part: string): number | null {
  const height = Number(readStored("sessionStorage", KEY + part));
  return height > 0 ? height : null;
}

/** Remember a height; null: nothing is shown. */
export function rememberHeight(part: string, height: number | null): void {
  store("sessionStorage", KEY + part, height === null ? null : String(height));
}

/** Remember the height of a part's element as long as it is shown. */
export function observeHeight(part: string, element: HTMLElement): () => void {
  const observer = new ResizeObserver(() => {
    rememberHeight(part, element.offsetHeight);
  });
  observer.observe(element);
  return () => {
    observer.disconnect();
  };
}
