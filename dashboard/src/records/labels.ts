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

/** The look of a status. Its text says the same. */
export type StatusKind = "done" | "failed" | "live" | "other";
const STATUS_KINDS: Readonly<Record<string, StatusKind>> = {
  completed: "done",
  success: "done",
  transferred: "done",
  exists: "done",
  failed: "failed",
  cancelled: "other",
  unanswered: "other",
  deleted: "other",
};

/** Return the look of a status; a status that has not ended is `live`. */
export function statusKind(status: string): StatusKind {
  return STATUS_KINDS[status] ?? "live";
}

export interface TotalsTexts {
  readonly figures: readonly string[];
  /** Exact and secondary values. */
  readonly details: readonly string[];
}

/** Return the totals of a list, as computed by the API. */
export function totalsTexts(totals: CallFigures | RunFigures, formats: Formats): TotalsTexts {
  const { count, minutes } = formats;
  if (!("total_calls" in totals)) {
    return {
      figures: [
        `${count(totals.workflow_runs_total)} ${totals.workflow_runs_total === 1 ? "run" : "runs"}`,
        `${count(totals.workflow_runs_success)} succeeded`,
        `${count(totals.workflow_runs_failed)} failed`,
        ...(totals.live_runs > 0 ? [`${count(totals.live_runs)} in progress`] : []),
      ],
      details: [],
    };
  }
  const { voice_calls: voice, chat_calls: chat } = totals;
  return {
    figures: [
      `${count(totals.total_calls)} ${totals.total_calls === 1 ? "call" : "calls"}`,
      ...(voice > 0 ? [`${minutes(totals.voice_minutes)} voice minutes`] : []),
      ...(chat > 0 ? [`${minutes(totals.chat_minutes)} chat minutes`] : []),
      ...(totals.live_calls > 0 ? [`${count(totals.live_calls)} in progress`] : []),
    ],
    details: [
      ...(voice > 0 ? [`exactly ${count(totals.voice_duration_ms)} ms of voice`] : []),
      ...(chat > 0 ? [`exactly ${count(totals.chat_duration_ms)} ms of chat`] : []),
      `${count(totals.timed_calls)} with a duration`,
    ],
  };
}

/** Return how many rows of a list are shown. */
export function shownText(shown: number, total: number | null, formats: Formats): string {
  if (total === null) return `showing ${formats.count(shown)}`;
  return shown < total
    ? `showing ${formats.count(shown)} of ${formats.count(total)}`
    : `showing all ${formats.count(shown)}`;
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
