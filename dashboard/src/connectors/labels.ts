// Labels of the Connectors page: providers, outcomes, times and warnings. Pure functions.

import { type Connector, type Outcome, type Outcomes } from "../api/connectors";
import { type Formats } from "../formats";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const PROVIDER_LABELS: Readonly<Record<string, string>> = {
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

/** Whether webhooks with an outcome are counted, harmless, or need attention. */
export type OutcomeKind = "counted" | "harmless" | "attention";

export interface OutcomeText {
  readonly name: string;
  readonly help: string;
  readonly kind: OutcomeKind;
  /** The command that shows an operator more. */
  readonly command?: string;
}

/** The texts of webhook outcomes, in display order. */
export const OUTCOME_TEXTS: Readonly<Record<Outcome, OutcomeText>> = {
  accepted: { name: "Accepted", help: "Stored and counted.", kind: "counted" },
  duplicate: { name: "Duplicates", help: "Already received.", kind: "harmless" },
  stale: {
    name: "Outdated",
    help: "Older than what is stored.",
    kind: "harmless",
  },
  ignored: { name: "Not metered", help: "Webhook types that do not affect usage.", kind: "harmless" },
  conflicting: {
    name: "Conflicting",
    help: "Same event id, different content. One of them is counted.",
    kind: "attention",
  },
  quarantined: {
    name: "Needs attention",
    help: "Could not be counted, and is kept until someone looks at it.",
    command: "talkmeter quarantine list",
    kind: "attention",
  },
  rejected: {
    name: "Rejected",
    help: "Could not be verified as coming from the provider, or too old.",
    kind: "attention",
  },
};

/** The outcomes in display order. */
export const OUTCOMES = Object.keys(OUTCOME_TEXTS) as Outcome[];

/** Return a provider's name; an unknown provider keeps its id. */
export function providerLabel(provider: string): string {
  return PROVIDER_LABELS[provider] ?? provider;
}

/** Return the time between two instants in milliseconds as `5 minutes ago`, rounded down. */
export function timeAgo(instant: number, now: number): string {
  const elapsed = now - instant;
  if (elapsed < MINUTE_MS) return "just now";
  const [unit, singular, plural] =
    elapsed < HOUR_MS
      ? [MINUTE_MS, "minute", "minutes"]
      : elapsed < 2 * DAY_MS
        ? [HOUR_MS, "hour", "hours"]
        : [DAY_MS, "day", "days"];
  const count = Math.floor(elapsed / unit);
  return `${count} ${count === 1 ? singular : plural} ago`;
}

export interface ConnectorWarning {
  readonly title: string;
  readonly text: string;
  /** What else to do for an operator, who can run commands: a sentence and the command. */
  readonly remedy: string;
  readonly command: string;
}

/** Return what needs attention. A disabled connector has no warnings. */
export function connectorWarnings(connector: Connector): readonly ConnectorWarning[] {
  if (connector.disabled_at !== null) return [];
  const { silent_hours: hours, provider, id } = connector;
  const sender = provider === "signed" ? "the sender" : providerLabel(provider);
  const silent = {
    title: `No webhooks for ${hours ?? 0} ${hours === 1 ? "hour" : "hours"}`,
    text: `Before that, webhooks arrived every day. Check that ${sender} still sends to this connector’s URL.`,
    remedy: "This command prints the URL:",
    command: `talkmeter connectors show ${id}`,
  };
  const rejected = {
    title: "Webhooks are being rejected",
    text:
      `The latest webhook could not be verified as coming from ${sender}, and none has been accepted since. ` +
      "If the secret was changed there, it must be changed here too.",
    remedy: "This command changes it:",
    command: `talkmeter connectors rotate ${id} --secret-env NAME`,
  };
  return [...(hours === null ? [] : [silent]), ...(isLatestRejected(connector) ? [rejected] : [])];
}

function isLatestRejected({ last_event_at: event, last_rejected_at: rejected }: Connector): boolean {
  return rejected !== null && (event === null || Date.parse(rejected) > Date.parse(event));
}

/** Return the outcomes of the last days in one sentence; null without webhooks. */
export function headline(outcomes: Outcomes, formats: Pick<Formats, "count">): string | null {
  const { counted, harmless, attention } = columnParts(outcomes);
  const total = counted + harmless + attention;
  const messages = total === 1 ? "message" : "messages";
  if (total === 0) return null;
  if (attention > 0) {
    return `${formats.count(attention)} of ${formats.count(total)} ${messages} ${attention === 1 ? "needs" : "need"} attention`;
  }
  if (harmless === 0)
    return total === 1 ? "1 message counted" : `All ${formats.count(total)} messages counted`;
  return `${formats.count(counted)} of ${formats.count(total)} ${messages} counted; the others add nothing`;
}

/** Return the outcomes with at least one webhook. */
export function nonZeroOutcomes(outcomes: Outcomes): readonly Outcome[] {
  return OUTCOMES.filter((name) => outcomes[name] > 0);
}

/** Return the number of webhooks of each kind. */
export function columnParts(outcomes: Outcomes): Readonly<Record<OutcomeKind, number>> {
  const column = { counted: 0, harmless: 0, attention: 0 };
  for (const name of OUTCOMES) column[OUTCOME_TEXTS[name].kind] += outcomes[name];
  return column;
}
