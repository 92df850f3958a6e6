// The charts' code, which is large: fetched once, while the summary is on its way.

import { lazy } from "react";

const load = () => import("./Drawing");

export const Drawing = lazy(load);

/** Begins to fetch the code; a failure shows where the code is used. */
export function loadCharts(): void {
  load().catch(() => undefined);
}
