// Loads the code of the charts, which is large, in parallel with the summary.

import { lazy } from "react";

const load = () => import("./Drawing");

export const Drawing = lazy(load);

/** Start loading the code. Errors are ignored here; the component shows them. */
export function loadCharts(): void {
  load().catch(() => undefined);
}
