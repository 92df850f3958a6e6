// Remembers the height of the section for this tab, so that after a reload its skeleton has the final height.
// An organization without a remembered height has no skeleton, because it may have no plan.

const KEY = "talkmeter-costs-height:";

export function expectedHeight(organization: string): number | null {
  try {
    const height = Number(sessionStorage.getItem(KEY + organization));
    return height > 0 ? height : null;
  } catch {
    // Storage is blocked.
    return null;
  }
}

/** Remember a height; null: nothing is shown. */
export function rememberHeight(organization: string, height: number | null): void {
  try {
    if (height === null) sessionStorage.removeItem(KEY + organization);
    else sessionStorage.setItem(KEY + organization, String(height));
  } catch {
    // Storage is blocked or full; the next load has no skeleton.
  }
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
