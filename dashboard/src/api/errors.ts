// The errors of API requests. Every message can be shown to the user.

/** The server returned an error status; the message is its `detail`. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** The seconds of `Retry-After`, or null. */
  readonly retryAfterSec: number | null;
  /** The decoded body, which can have more than the `detail`. */
  readonly body: unknown;

  constructor(status: number, detail: string, retryAfterSec: number | null = null, body?: unknown) {
    super(detail);
    this.status = status;
    this.retryAfterSec = retryAfterSec;
    this.body = body;
  }
}

/** No response: offline, or the server is down. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";

  constructor() {
    super("Could not reach the server. Check your connection and try again.");
  }
}

/** The response does not match its schema. */
export class InvalidResponseError extends Error {
  override readonly name = "InvalidResponseError";

  constructor() {
    super("The server sent an unexpected response. Reload the page; it may be out of date.");
  }
}

export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

/** Whether a retry may help: network errors and 5xx, never 4xx. */
export function isRetryable(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ApiError && error.status >= 500);
}
