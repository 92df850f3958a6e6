// The options of the Usage page besides the range: the comparison, and the dimension and order of the breakdown.

import { type Day, addDays, countDays, oneYearEarlier } from "../range/days";
import { MIN_DAY, type Range } from "../range/range";

export const COMPARISON_LABELS = {
  previous: "Previous period",
  year: "A year earlier",
  none: "No comparison",
} as const;
export type ComparisonMode = keyof typeof COMPARISON_LABELS;

/** The tabs of the breakdown. */
export const DIMENSION_LABELS = {
  agent: "Agents",
  number: "Numbers",
  widget: "Widgets",
  workflow: "Workflows",
  channel: "Channels",
} as const;
export type Dimension = keyof typeof DIMENSION_LABELS;

export const ORDER_LABELS = { calls: "Calls", voice: "Voice minutes", chat: "Chat minutes" } as const;
export type SortOrder = keyof typeof ORDER_LABELS;

export interface ViewOptions {
  readonly compare: ComparisonMode;
  readonly by: Dimension;
  readonly order: SortOrder;
}

export const DEFAULT_OPTIONS: ViewOptions = { compare: "previous", by: "agent", order: "calls" };

export function isKeyOf<Name extends string>(
  labels: Readonly<Record<Name, string>>,
  text: string,
): text is Name {
  return Object.hasOwn(labels, text);
}

/** Return `compare`, or `none` if the API cannot compare: the earlier range overlaps this one or starts before 1970. */
export function availableComparison({ from, to }: Range, compare: ComparisonMode): ComparisonMode {
  const start = earlierStart(from, to, compare);
  return start === null || start < MIN_DAY ? "none" : compare;
}

function earlierStart(from: Day, to: Day, compare: ComparisonMode): Day | null {
  switch (compare) {
    case "none":
      return null;
    case "previous":
      return addDays(from, -countDays(from, to));
    case "year":
      return oneYearEarlier(addDays(to, 1)) > from ? null : oneYearEarlier(from);
  }
}
