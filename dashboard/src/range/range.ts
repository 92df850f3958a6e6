// A range is its first and its last day, both included, in UTC; the query it becomes is half open:
// [first day 00:00Z, day after the last 00:00Z), at most 366 days.

import { type Day, addDays, daysIncluded, firstOfMonth, firstOfYear, isDay, yearBefore } from "./days";

export interface Range {
  readonly from: Day;
  readonly to: Day;
}

export const LONGEST_DAYS = 366;
export const EARLIEST: Day = "1970-01-01";

/** The ranges that move along with today, by the names they have in the address. */
export const PRESETS = {
  "this-month": "Month to date",
  today: "Today",
  yesterday: "Yesterday",
  "last-7-days": "Last 7 days",
  "last-30-days": "Last 30 days",
  "last-90-days": "Last 90 days",
  "last-month": "Last month",
  "this-year": "Year to date",
  "last-12-months": "Last 12 months",
} as const;

export type Preset = keyof typeof PRESETS;
/** What was chosen: a preset, or two days. */
export type Choice = Preset | Range;

export const PRESET_NAMES = Object.keys(PRESETS) as readonly Preset[];
export const DEFAULT: Preset = "this-month";

/** The days of a choice, given today's UTC date. */
export function resolve(choice: Choice, today: Day): Range {
  if (typeof choice !== "string") return choice;
  switch (choice) {
    case "this-month":
      return { from: firstOfMonth(today), to: today };
    case "today":
      return { from: today, to: today };
    case "yesterday":
      return { from: addDays(today, -1), to: addDays(today, -1) };
    case "last-7-days":
      return { from: addDays(today, -6), to: today };
    case "last-30-days":
      return { from: addDays(today, -29), to: today };
    case "last-90-days":
      return { from: addDays(today, -89), to: today };
    case "last-month": {
      const to = addDays(firstOfMonth(today), -1);
      return { from: firstOfMonth(to), to };
    }
    case "this-year":
      return { from: firstOfYear(today), to: today };
    case "last-12-months":
      return { from: addDays(yearBefore(today), 1), to: today };
  }
}

/** The `from` and `to` that the API is asked for. */
export function queryOf(range: Range): { from: string; to: string } {
  return { from: `${range.from}T00:00:00Z`, to: `${addDays(range.to, 1)}T00:00:00Z` };
}

/** Two days in either order as a range; how a pick of the calendar becomes one. */
export function rangeOf(one: Day, other: Day): Range {
  return one <= other ? { from: one, to: other } : { from: other, to: one };
}

/** The first and the last day that may be picked after `first`, so that no pick is longer than 366 days. */
export function reachable(first: Day, today: Day): Range {
  const to = addDays(first, LONGEST_DAYS - 1);
  const from = addDays(first, 1 - LONGEST_DAYS);
  return { from: from < EARLIEST ? EARLIEST : from, to: to > today ? today : to };
}

/** A choice as the address has it. */
export function formatChoice(choice: Choice): string {
  return typeof choice === "string" ? choice : `${choice.from}..${choice.to}`;
}

/** Reads the address's text; what is wrong with it is a sentence. */
export function parseChoice(text: string, today: Day): { choice: Choice } | { wrong: string } {
  const preset = PRESET_NAMES.find((name) => name === text);
  if (preset !== undefined) return { choice: preset };
  const [from = "", to = "", ...rest] = text.split("..");
  if (rest.length > 0 || !isDay(from) || !isDay(to)) {
    return { wrong: "The range in the address could not be read." };
  }
  if (to < from) return { wrong: "The range in the address ends before it begins." };
  if (daysIncluded(from, to) > LONGEST_DAYS) {
    return { wrong: `The range in the address is longer than ${LONGEST_DAYS} days.` };
  }
  if (to > today) return { wrong: "The range in the address ends after today (UTC)." };
  if (from < EARLIEST) return { wrong: "The range in the address begins before 1970." };
  return { choice: { from, to } };
}
