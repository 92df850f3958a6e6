// The code of the Connectors page: fetched only where it is opened, beside the question who may see it.

import { lazy } from "react";

const load = () => import("./Connectors");

export const Connectors = lazy(load);

/** Begins to fetch the code; a failure shows where the code is used. */
export function loadConnectors(): void {
  load().catch(() => undefined);
}
