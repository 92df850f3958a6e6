// Reloads the page if a part of its code is missing because the server was updated while the page was open.

const RELOADED_AT = "talkmeter-reloaded-at";
const RELOAD_INTERVAL_MS = 60_000;

/** Reload at most once a minute, and only if the server answers: without it, a reload would lose the figures on screen. */
export function reloadOnMissingChunk(): void {
  window.addEventListener("vite:preloadError", () => {
    const now = Date.now();
    if (now - lastReload() < RELOAD_INTERVAL_MS) return;
    fetch(window.location.pathname, { method: "HEAD" }).then(
      ({ ok }) => {
        if (ok && rememberReload(now)) window.location.reload();
      },
      () => undefined,
    );
  });
}

/** Return when the page was reloaded last, in milliseconds since 1970; now if web storage is blocked. */
function lastReload(): number {
  try {
    return Number(sessionStorage.getItem(RELOADED_AT) ?? 0);
  } catch {
    return Date.now();
  }
}

/** Whether the time could be stored. Without it, the page might reload forever. */
function rememberReload(at: number): boolean {
  try {
    sessionStorage.setItem(RELOADED_AT, String(at));
    return true;
  } catch {
    return false;
  }
}
