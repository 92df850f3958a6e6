// Remembers in which organization the last session of this browser could see the usage. The page then requests the figures
// at once, and not after the session's answer.

import { openedByLink } from "../session/signInLink";
import { readStored, store } from "./storage";

const KEY = "talkmeter-organization";

/** Remember an organization whose usage the session can see; null forgets it. */
export function rememberAccess(organization: string | null): void {
  if (organization === null || readStored("localStorage", KEY) !== organization) {
    store("localStorage", KEY, organization);
  }
}

/** Whether this browser's session could see the usage of an organization; with null: of any. */
export function isAccessKnown(organization: string | null): boolean {
  // Nothing is known about the session that a link starts.
  const known = openedByLink ? null : readStored("localStorage", KEY);
  return known !== null && (organization === null || known === organization);
}
