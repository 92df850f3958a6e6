// Remembers the height of the section for this tab, so that after a reload its skeleton has the final height.
// An organization without a remembered height has no skeleton, because it may have no plan.

import { readStored, store } from "../shell/storage";

const KEY = "talkmeter-costs-height:";

export function expectedHeight(organization: string): number | null {
  const height = Number(readStored("sessionStorage", KEY + organization));
  return height > 0 ? height : null;
}

/** Remember a height; null: nothing is shown. */
export function rememberHeight(organization: string, height: number | null): void {
  store("sessionStorage", KEY + organization, height === null ? null : String(height));
}

/** Remember the height of an element of an organization as long as it is shown. */
export function observeHeight(organization: string, element: HTMLElement): () => void {
  const observer = new ResizeObserver(() => {
    rememberHeight(organization, element.offsetHeight);
  });
  observer.observe(element);
  return () => {
    observer.disconnect();
  };
}
