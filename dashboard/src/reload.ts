// Reloads the page if a part of its code is missing because the server was updated while the page was open.

import { readStored, store } from "./shell/storage";

const RELOADED_AT = "talkmeter-reloaded-at";
const RELOAD_INTERVAL_MS = 60_000;

/** Reload at most once a minute, and only if the server answers: without it, a reload would lose the figures on screen. */
export function reloadOnMissingChunk(): void {
  window.addEventListener("vite:preloadError", () => {
    const now = Date.now();
    if (now - Number(readStored("sessionStorage", RELOADED_AT) ?? 0) < RELOAD_INTERVAL_MS) return;
    fetch(window.location.pathname, { method: "HEAD" }).then(
      ({ ok }) => {
        // Without storage, the page might reload forever.
        if (ok && store("sessionStorage", RELOADED_AT, String(now))) window.location.reload();
      },
      () => undefined,
    );
  });
}
