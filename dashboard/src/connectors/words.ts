// The words of the Connectors page, pure: stacks, outcomes, how long ago, and what is wrong with a connector.

import { type Connector, type Outcome, type Outcomes } from "../api/connectors";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const PROVIDERS: Readonly<Record<string, string>> = {
  twilio: "Twilio",
  vapi: "Vapi",
  retell: "Retell",
  elevenlabs: "ElevenLabs",
  livekit: "LiveKit",
  telnyx: "Telnyx",
  plivo: "Plivo",
  n8n: "n8n",
  signed: "Signed events",
};

/** Whether an outcome is as it should be, is harmless, or asks for somebody to look. */
export type Kind = "counted" | "harmless" | "wrong";

export interface OutcomeWords {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
}

/** What became of messages, in the order in which they are shown. */
export const OUTCOMES: Readonly<Record<Outcome, OutcomeWords>> = {
  accepted: { name: "Accepted", help: "Stored and counted.", kind: "counted" },
  duplicate: { name: "Duplicates", help: "Told before. They change nothing.", kind: "harmless" },
  stale: {
    name: "Outdated",
    help: "Something later had been told already. They change nothing.",
    kind: "harmless",
  },
  ignored: { name: "Not metered", help: "Of a type that says nothing about usage.", kind: "harmless" },
  conflicting: {
    name: "Conflicting",
    help: "One event id, two contents; one is counted.",
    kind: "wrong",
  },
  quarantined: {
    name: "Quarantined",
    help: "They cannot be counted; “talkmeter quarantine” says why.",
    kind: "wrong",
  },
  rejected: {
    name: "Rejected",
    help: "Not proved to come from the stack, or too old.",
    kind: "wrong",
  },
};

/** The outcomes in the order in which they are shown. */
export const NAMES = Object.keys(OUTCOMES) as Outcome[];

/** What a stack is called; one that is not known here has its own name. */
export function providerWords(provider: string): string {
  return PROVIDERS[provider] ?? provider;
}

/** How long before `now` an instant was, both in milliseconds; rounded down, so that nothing is said too early. */
export function agoWords(instant: number, now: number): string {
  const past = now - instant;
  if (past < MINUTE_MS) return "just now";
  const [length, one, many] =
    past < HOUR_MS
      ? [MINUTE_MS, "minute", "minutes"]
      : past < 2 * DAY_MS
        ? [HOUR_MS, "hour", "hours"]
        : [DAY_MS, "day", "days"];
  const whole = Math.floor(past / length);
  return `${whole} ${whole === 1 ? one : many} ago`;
}

export interface Warning {
  readonly title: string;
  readonly text: string;
  /** What to run then. */
  readonly command: string;
}

/** What somebody should look after; nothing for a connector that takes no more messages. */
export function warningsOf(connector: Connector): readonly Warning[] {
  if (connector.disabled_at !== null) return [];
  const { silent_hours: hours, provider, id } = connector;
  const stack = provider === "signed" ? "the sender" : providerWords(provider);
  const silent = {
    title: `Silent for ${hours ?? 0} ${hours === 1 ? "hour" : "hours"}`,
    text:
      "Nothing has come for that long, although messages came every day before. " +
      `See whether ${stack} still sends to this connector’s address, which is printed by:`,
    command: `talkmeter connectors show ${id}`,
  };
  const rejected = {
    title: "Messages are rejected",
    text:
      `The newest message was not proved to come from ${stack}, and none has been taken since. ` +
      "If the secret was changed there, change it here too:",
    command: `talkmeter connectors rotate ${id} --secret-env NAME`,
  };
  return [...(hours === null ? [] : [silent]), ...(isRejectedSince(connector) ? [rejected] : [])];
}

function isRejectedSince({ last_event_at: event, last_rejected_at: rejected }: Connector): boolean {
  return rejected !== null && (event === null || Date.parse(rejected) > Date.parse(event));
}

/** The outcomes that there were. */
export function namesOf(outcomes: Outcomes): readonly Outcome[] {
  return NAMES.filter((name) => outcomes[name] > 0);
}

/** The parts of a day's column, from below: how many messages of each kind. */
export function columnOf(outcomes: Outcomes): Readonly<Record<Kind, number>> {
  const column = { counted: 0, harmless: 0, wrong: 0 };
  for (const name of NAMES) column[OUTCOMES[name].kind] += outcomes[name];
  return column;
}
