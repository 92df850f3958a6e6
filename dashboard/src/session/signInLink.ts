// One-time sign-in links. The secret is in the URL's fragment and is removed from the address bar at once.

const PREFIX = "#sign-in=";

/** Whether the page was opened by a link, which starts another session. */
export const openedByLink = window.location.hash.startsWith(PREFIX);

let pending: string | null = null;

/** Return the captured secret once, else null. */
export function takeSignInSecret(): string | null {
  const secret = pending;
  pending = null;
  return secret;
}

/** Capture the secret from the URL. If a link is opened in a tab that already shows the page, reload it. */
export function captureSignInLink(): void {
  const { hash, pathname, search } = window.location;
  if (hash.startsWith(PREFIX)) {
    window.history.replaceState(null, "", pathname + search);
    pending = hash.slice(PREFIX.length);
  }
  window.addEventListener("hashchange", () => {
    if (window.location.hash.startsWith(PREFIX)) window.location.reload();
  });
}
