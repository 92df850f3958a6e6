// The one-time link: its secret is in the fragment, is taken out of the address at once, and is used once.

const PREFIX = "#sign-in=";

let pending: string | null = null;

/** The secret that has arrived and was not used yet. */
export function takeLink(): string | null {
  const secret = pending;
  pending = null;
  return secret;
}

/** Looks at the address; a link that is opened in a tab that has the page already begins it anew. */
export function receiveLinks(): void {
  const { hash, pathname, search } = window.location;
  if (hash.startsWith(PREFIX)) {
    window.history.replaceState(null, "", pathname + search);
    pending = hash.slice(PREFIX.length);
  }
  window.addEventListener("hashchange", () => {
    if (window.location.hash.startsWith(PREFIX)) window.location.reload();
  });
}
