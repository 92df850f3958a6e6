// The code of "What drives it", and its first answer: fetched once, while the summary is on its way.

import { lazy } from "react";

const load = () => import("./Drives");

export const Drives = lazy(load);

/** Begins to fetch both; a failure shows where they are used. */
export function loadDrives(organization: string): void {
  load().then(
    ({ prefetch }) => {
      prefetch(organization);
    },
    () => undefined,
  );
}
