// Loads the code and the first data of the breakdown in parallel with the summary.

import { lazyPart } from "../shell/lazyPart";

const load = () => import("./BreakdownSection");

export const BreakdownSection = lazyPart(load);

/** Start loading both. Errors are ignored here; the component shows them. */
export function loadBreakdown(organization: string): void {
  load().then(
    ({ prefetchBreakdown }) => {
      prefetchBreakdown(organization);
    },
    () => undefined,
  );
}
