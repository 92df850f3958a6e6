// Date ranges. `from` and `to` are UTC days, both included. API parameters are half-open:
// [first day 00:00Z, day after the last 00:00Z). A range has at most 366 days.

import {
  type Day,
  addDays,
  countDays,
  firstOfMonth,
  firstOfYear,
  isDay,
  lastOfMonth,
  oneYearEarlier,
} from "./days";

export interface Range {
  readonly from: Day;
  readonly to: Day;
}

export const MAX_DAYS = 366;
export const MIN_DAY: Day = "1970-01-01";

/** Ranges relative to today, by their name in the URL. */
export const PRESET_LABELS = {
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

export type Preset = keyof typeof PRESET_LABELS;
/** The selected range: a preset, or two days. */
export type RangeChoice = Preset | Range;

export const PRESET_NAMES = Object.keys(PRESET_LABELS) as readonly Preset[];
export const DEFAULT_PRESET: Preset = "this-month";

/** Return the days of a choice, given today's UTC date. */
export function resolveRange(choice: RangeChoice, today: Day): Range {
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
      return { from: addDays(oneYearEarlier(today), 1), to: today };
  }
}

/**
 * Return the range of the same kind before (-1) or after (1) a range: the next calendar month or year, else as many days.
 * It ends today at the latest. Null if it would start after today or before 1970.
 */
export function adjacentRange({ from, to }: Range, today: Day, direction: -1 | 1): Range | null {
  const next = shifted({ from, to }, today, direction);
  if (next.from > today || next.from < MIN_DAY) return null;
  return { from: next.from, to: next.to > today ? today : next.to };
}

function shifted({ from, to }: Range, today: Day, direction: -1 | 1): Range {
  const complete = (end: Day) => to === end || (to === today && to < end);
  if (from === firstOfMonth(from) && complete(lastOfMonth(from))) {
    const first = direction === 1 ? addDays(lastOfMonth(from), 1) : firstOfMonth(addDays(from, -1));
    return { from: first, to: lastOfMonth(first) };
  }
  const endOfYear = `${from.slice(0, 4)}-12-31`;
  if (from === firstOfYear(from) && complete(endOfYear)) {
    const first = direction === 1 ? addDays(endOfYear, 1) : firstOfYear(addDays(from, -1));
    return { from: first, to: `${first.slice(0, 4)}-12-31` };
  }
  const days = direction * countDays(from, to);
  return { from: addDays(from, days), to: addDays(to, days) };
}

/** Return the choice of a range: a preset that has exactly these days today, else the days. */
export function choiceOf(range: Range, today: Day): RangeChoice {
  const preset = PRESET_NAMES.find((name) => {
    const { from, to } = resolveRange(name, today);
    return from === range.from && to === range.to;
  });
  return preset ?? range;
}

/** Return the API's `from` and `to`. */
export function rangeParameters(range: Range): { from: string; to: string } {
  return { from: `${range.from}T00:00:00Z`, to: `${addDays(range.to, 1)}T00:00:00Z` };
}

/** Return the range between two days, given in any order. */
export function rangeBetween(a: Day, b: Day): Range {
  return a <= b ? { from: a, to: b } : { from: b, to: a };
}

/** Return the days that can be the other end of a range that has `first` as one end: at most 366 days, up to today. */
export function selectableDays(first: Day, today: Day): Range {
  const to = addDays(first, MAX_DAYS - 1);
  const from = addDays(first, 1 - MAX_DAYS);
  return { from: from < MIN_DAY ? MIN_DAY : from, to: to > today ? today : to };
}

/** Return a choice in its URL form. */
export function formatChoice(choice: RangeChoice): string {
  return typeof choice === "string" ? choice : `${choice.from}..${choice.to}`;
}

/** Parse the URL form of a choice, or return a sentence that says why it is invalid. */
export function parseChoice(text: string, today: Day): { choice: RangeChoice } | { error: string } {
  const preset = PRESET_NAMES.find((name) => name === text);
  if (preset !== undefined) return { choice: preset };
  const [from = "", to = "", ...rest] = text.split("..");
  if (rest.length > 0 || !isDay(from) || !isDay(to)) {
    return { error: "The range in the address is invalid." };
  }
  if (to < from) return { error: "The range in the address ends before it starts." };
  if (countDays(from, to) > MAX_DAYS) {
    return { error: `The range in the address is longer than ${MAX_DAYS} days.` };
  }
  if (to > today) return { error: "The range in the address ends after today (UTC)." };
  if (from < MIN_DAY) return { error: "The range in the address starts before 1970." };
  return { choice: { from, to } };
}
