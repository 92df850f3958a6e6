// What can go wrong between page and server; every message is a sentence for people.

/** The server answered with an error: its own sentence, and the status. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** No answer at all: offline, or the server is away. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  constructor() {
    super("The server cannot be reached. Check the connection, then try again.");
  }
}

/** An answer that is not what the API promises. */
export class Misunderstood extends Error {
  override readonly name = "Misunderstood";

  constructor() {
    super("The server’s answer could not be understood. Reload the page, as it may be of an older version.");
  }
}

export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof Refused && error.status === status;
}

/** Whether asking again may help: the network, or a fault of the server; never a refusal. */
export function mayPass(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refused && error.status >= 500);
}
