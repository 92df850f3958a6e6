// The words of the records drawer, pure: what is listed, what it adds up to, what one record adds.

import { type CallTotals, type RunTotals } from "../api/lists";
import { channelWords } from "../drives/words";
import { type Formats } from "../format";
import { type Day } from "../range/days";
import { type Filter, type ItemKind, type Listing, type RecordKind, isItemKind } from "../range/listing";
import { type Range } from "../range/range";

export const NONE = "–";

/** What the kinds are called: one of them, many of them. */
export const KINDS: Readonly<Record<RecordKind | ItemKind, readonly [string, string]>> = {
  conversation: ["conversation", "conversations"],
  workflow_execution: ["workflow run", "workflow runs"],
  agent: ["agent", "agents"],
  phone_number: ["phone number", "phone numbers"],
  web_widget: ["chat widget", "chat widgets"],
  dataset: ["knowledge base", "knowledge bases"],
};

/** What is listed, in words; `name` is what the inventory calls the agent, number or widget, where that is known. */
export function titleOf(
  listing: Listing,
  name: string | null,
  range: Range,
  today: Day,
  formats: Formats,
): string {
  const { kind, filter } = listing;
  const words = [...before(listing), ...after(filter, name)].join(" ");
  const title = `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
  if (isItemKind(kind)) return title;
  const { day } = filter;
  return `${title}, ${formats.range(day === undefined ? range : { from: day, to: day }, today)}`;
}

function before({ kind, filter }: Listing): string[] {
  const noun = { voice: "voice calls", chat: "chat sessions" }[filter.modality ?? ""] ?? KINDS[kind][1];
  return [
    ...(filter.stale === "true" ? ["silent"] : []),
    ...(filter.live === "true" ? ["live"] : []),
    ...(filter.live === "false" ? ["ended"] : []),
    ...(filter.direction === undefined ? [] : [filter.direction]),
    noun,
  ];
}

function after(filter: Filter, name: string | null): string[] {
  const named = (value: string | undefined, word: string, without: string) =>
    value === undefined ? [] : value === "" ? [`without ${without}`] : [`${word} ${name ?? value}`];
  const flag = (value: string | undefined, yes: string, no: string) =>
    value === undefined ? [] : [value === "true" ? yes : no];
  const status: Readonly<Record<string, string>> = { success: "that succeeded", failed: "that failed" };
  return [
    ...named(filter.agent, "of", "an agent"),
    ...named(filter.number, "on", "a number"),
    ...named(filter.widget, "on", "a widget"),
    ...named(filter.workflow, "of", "a workflow"),
    ...(filter.channel === undefined ? [] : [`by ${channelWords(filter.channel).toLowerCase()}`]),
    ...(filter.status === undefined
      ? []
      : [status[filter.status] ?? `with status ${statusWords(filter.status)}`]),
    ...flag(filter.has_duration, "with a duration", "without a duration"),
    ...flag(filter.shared, "on the shared pool", "of your own"),
    ...flag(filter.active, "that are active", "that are not active"),
    ...(filter.stale === "false" ? ["that are not silent"] : []),
  ];
}

export function statusWords(status: string): string {
  return status.replaceAll("_", " ");
}

/** What a list's records come to, as the API added them up. */
export function totalsWords(totals: CallTotals | RunTotals, formats: Formats): readonly string[] {
  const { count, minutes } = formats;
  if (!("total_calls" in totals)) {
    return [
      `${count(totals.workflow_runs_total)} ${totals.workflow_runs_total === 1 ? "run" : "runs"}`,
      `${count(totals.workflow_runs_success)} succeeded`,
      `${count(totals.workflow_runs_failed)} failed`,
      ...(totals.live_runs > 0 ? [`${count(totals.live_runs)} live`] : []),
    ];
  }
  const sum = (kind: string, sums: number, exact: number) =>
    `${minutes(sums)} ${kind} minutes (exactly ${count(exact)} ms)`;
  return [
    `${count(totals.total_calls)} ${totals.total_calls === 1 ? "call" : "calls"}`,
    ...(totals.voice_calls > 0 ? [sum("voice", totals.voice_minutes, totals.voice_duration_ms)] : []),
    ...(totals.chat_calls > 0 ? [sum("chat", totals.chat_minutes, totals.chat_duration_ms)] : []),
    `${count(totals.timed_calls)} with a duration`,
    ...(totals.live_calls > 0 ? [`${count(totals.live_calls)} live`] : []),
  ];
}

const ADDS: Readonly<Record<string, readonly [string, string]>> = {
  total_calls: ["call", "calls"],
  voice_calls: ["voice call", "voice calls"],
  chat_calls: ["chat session", "chat sessions"],
  inbound_calls: ["call in", "calls in"],
  outbound_calls: ["call out", "calls out"],
  timed_calls: ["call with a duration", "calls with a duration"],
  live_calls: ["live call", "live calls"],
  voice_duration_ms: ["ms of voice", "ms of voice"],
  chat_duration_ms: ["ms of chat", "ms of chat"],
  workflow_runs_total: ["workflow run", "workflow runs"],
  workflow_runs_success: ["succeeded", "succeeded"],
  workflow_runs_failed: ["failed", "failed"],
  live_runs: ["live", "live"],
};

/** What a record adds to the figures; "nothing" where it is not counted. */
export function addsWords(adds: Readonly<Record<string, number>>, formats: Formats): string {
  const parts = Object.entries(adds).map(([name, amount]) => {
    const [one, many] = ADDS[name] ?? [name, name];
    return `${formats.count(amount)} ${amount === 1 ? one : many}`;
  });
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/** How many states there are and which stands first; of a call that another record is counted for none counts. */
export function statesWords(states: number, linkedTo: string | null, formats: Formats): string {
  const first = linkedTo === null ? "the one that counts" : "the current one";
  return states === 1 ? `1 state, ${first}.` : `${formats.count(states)} states, ${first} first.`;
}

/** How long the history reaches back. */
export function keptWords(days: number | null): string {
  if (days === null) return "Every state that ever arrived is kept.";
  if (days === 0) return "No history is kept: only the state that counts.";
  return `States that do not count are kept for ${days} ${days === 1 ? "day" : "days"}.`;
}
