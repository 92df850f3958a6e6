// Requests that a script in the HTML has sent while the page's script was loading (src/early.ts).

declare global {
  interface Window {
    /** The responses by path. They are here because the two scripts share no module. */
    earlyResponses?: Map<string, Promise<Response>>;
  }
}

/** Send a GET request whose response `takeEarly` returns. */
export function requestEarly(path: string): void {
  const response = fetch(path);
  // It may never be taken.
  response.catch(() => undefined);
  window.earlyResponses ??= new Map();
  window.earlyResponses.set(path, response);
}

/** Return the response of an early request once, else undefined. */
export function takeEarly(path: string): Promise<Response> | undefined {
  const response = window.earlyResponses?.get(path);
  window.earlyResponses?.delete(path);
  return response;
}

/** Drop the responses that were not taken, because they are no longer new. */
export function forgetEarly(): void {
  delete window.earlyResponses;
}
