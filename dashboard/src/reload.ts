// A page that was open while the server was updated asks for parts that are gone: it loads anew, once.

const KEY = "talkmeter-reloaded-at";
const AGAIN_AFTER_MS = 60_000;

export function reloadOnceWhereAChunkIsGone(): void {
  window.addEventListener("vite:preloadError", () => {
    const last = Number(sessionStorage.getItem(KEY) ?? 0);
    if (Date.now() - last < AGAIN_AFTER_MS) return;
    // A server that is away has no newer page either, and a reload would lose the figures on screen.
    fetch(window.location.pathname, { method: "HEAD" }).then(
      ({ ok }) => {
        if (!ok) return;
        sessionStorage.setItem(KEY, String(Date.now()));
        window.location.reload();
      },
      () => undefined,
    );
  });
}
