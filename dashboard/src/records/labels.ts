// Titles and labels of the records drawer. Pure functions.

import { type CallFigures, type RunFigures } from "../api/breakdown";
import { channelLabel } from "../breakdown/labels";
import { type Formats } from "../formats";
import { type Filter, KIND_LABELS, type Listing, type RecordKey, isItemKind } from "../location/listing";
import { type Day } from "../range/days";
import { type Range } from "../range/range";

export const NONE = "–";

/** Return the title of a history. */
export function historyTitle({ kind, id }: RecordKey): string {
  const noun = KIND_LABELS[kind][0];
  return isItemKind(kind) ? `History of ${noun} ${id}` : `How this ${noun} was counted: ${id}`;
}

/** Return the title of a list. `name` is the name of the agent, number or widget in its filter, if known. */
export function listTitle(
  listing: Listing,
  name: string | null,
  range: Range,
  today: Day,
  formats: Formats,
): string {
  const { kind, filter } = listing;
  const text = [nounPhrase(listing), ...qualifiers(filter, name)].join(" ");
  const title = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  if (isItemKind(kind)) return title;
  const { day } = filter;
  return `${title}, ${formats.range(day === undefined ? range : { from: day, to: day }, today)}`;
}

function nounPhrase({ kind, filter }: Listing): string {
  const noun = { voice: "voice calls", chat: "chat sessions" }[filter.modality ?? ""] ?? KIND_LABELS[kind][1];
  return [
    ...(filter.stale === "true" ? ["silent"] : []),
    ...(filter.live === "false" ? ["ended"] : []),
    ...(filter.direction === undefined ? [] : [filter.direction]),
    noun,
    ...(filter.live === "true" ? ["in progress"] : []),
  ].join(" ");
}

function qualifiers(filter: Filter, name: string | null): string[] {
  const named = (value: string | undefined, preposition: string, noun: string) =>
    value === undefined ? [] : value === "" ? [`without ${noun}`] : [`${preposition} ${name ?? value}`];
  const flag = (value: string | undefined, yes: string, no: string) =>
    value === undefined ? [] : [value === "true" ? yes : no];
  const status: Readonly<Record<string, string>> = { success: "that succeeded", failed: "that failed" };
  return [
    ...named(filter.agent, "of", "an agent"),
    ...named(filter.number, "on", "a number"),
    ...named(filter.widget, "on", "a widget"),
    ...named(filter.workflow, "of", "a workflow"),
    ...(filter.channel === undefined ? [] : [`by ${lowerFirst(channelLabel(filter.channel))}`]),
    ...(filter.status === undefined
      ? []
      : [status[filter.status] ?? `with status ${statusLabel(filter.status)}`]),
    ...flag(filter.has_duration, "with a duration", "without a duration"),
    ...flag(filter.shared, "on the shared pool", "not on the shared pool"),
    ...flag(filter.active, "that are active", "that are not active"),
    ...(filter.stale === "false" ? ["that are not silent"] : []),
  ];
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}

export function statusLabel(status: string): string {
  return status.replaceAll("_", " ");
}

/** Return the totals of a list, as computed by the API. */
export function totalsTexts(totals: CallFigures | RunFigures, formats: Formats): readonly string[] {
  const { count, minutes } = formats;
  if (!("total_calls" in totals)) {
    return [
      `${count(totals.workflow_runs_total)} ${totals.workflow_runs_total === 1 ? "run" : "runs"}`,
      `${count(totals.workflow_runs_success)} succeeded`,
      `${count(totals.workflow_runs_failed)} failed`,
      ...(totals.live_runs > 0 ? [`${count(totals.live_runs)} in progress`] : []),
    ];
  }
  const sum = (modality: string, total: number, milliseconds: number) =>
    `${minutes(total)} ${modality} minutes (exactly ${count(milliseconds)} ms)`;
  return [
    `${count(totals.total_calls)} ${totals.total_calls === 1 ? "call" : "calls"}`,
    ...(totals.voice_calls > 0 ? [sum("voice", totals.voice_minutes, totals.voice_duration_ms)] : []),
    ...(totals.chat_calls > 0 ? [sum("chat", totals.chat_minutes, totals.chat_duration_ms)] : []),
    `${count(totals.timed_calls)} with a duration`,
    ...(totals.live_calls > 0 ? [`${count(totals.live_calls)} in progress`] : []),
  ];
}

const ADDED_LABELS: Readonly<Record<string, readonly [string, string]>> = {
  total_calls: ["call", "calls"],
  voice_calls: ["voice call", "voice calls"],
  chat_calls: ["chat session", "chat sessions"],
  inbound_calls: ["call in", "calls in"],
  outbound_calls: ["call out", "calls out"],
  timed_calls: ["call with a duration", "calls with a duration"],
  live_calls: ["call in progress", "calls in progress"],
  voice_duration_ms: ["ms of voice", "ms of voice"],
  chat_duration_ms: ["ms of chat", "ms of chat"],
  workflow_runs_total: ["workflow run", "workflow runs"],
  workflow_runs_success: ["succeeded", "succeeded"],
  workflow_runs_failed: ["failed", "failed"],
  live_runs: ["in progress", "in progress"],
};

/** Return what a record adds to the figures, or "nothing" if it is not counted. */
export function addedText(adds: Readonly<Record<string, number>>, formats: Formats): string {
  const parts = Object.entries(adds).map(([name, amount]) => {
    const [singular, plural] = ADDED_LABELS[name] ?? [name, name];
    return `${formats.count(amount)} ${amount === 1 ? singular : plural}`;
  });
  return parts.length === 0 ? "nothing" : parts.join(", ");
}

/** Return the number of updates in a history. */
export function updatesText(updates: number, formats: Formats): string {
  return updates === 1
    ? "1 update received."
    : `${formats.count(updates)} updates received, the current one first.`;
}

/** Return how long updates are kept; an empty string if a single update was received and all are kept. */
export function retentionText(days: number | null, updates: number): string {
  if (days === null) return updates === 1 ? "" : "All updates are kept.";
  if (days === 0) return "Only the current update is kept.";
  return `Earlier updates are kept for ${days} ${days === 1 ? "day" : "days"}.`;
}
