// The options of the Usage page besides the range: the comparison, the grain of the charts, and the dimension and order of
// the breakdown.

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

/** The length of the charts' intervals. */
export const GRAIN_LABELS = { hour: "Hours", day: "Days", week: "Weeks", month: "Months" } as const;
export type Grain = keyof typeof GRAIN_LABELS;

/** The dimensions that costs can be split by. */
export const SPLIT_LABELS = { ...DIMENSION_LABELS, direction: "Directions" } as const;
export type CostSplit = keyof typeof SPLIT_LABELS;

const MAX_DAYS_OF_HOURS = 2;
const MAX_DAYS_BY_DEFAULT = 92;
const MIN_DAYS: Readonly<Record<Grain, number>> = { hour: 1, day: 1, week: 8, month: 32 };

export interface ViewOptions {
  readonly compare: ComparisonMode;
  readonly by: Dimension;
  readonly order: SortOrder;
  readonly split: CostSplit;
}

export const DEFAULT_OPTIONS: ViewOptions = {
  compare: "previous",
  by: "agent",
  order: "calls",
  split: "agent",
};

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

/** Return the grains that a range can be drawn in: hours up to 2 days, weeks and months if there are several. */
export function offeredGrains({ from, to }: Range): readonly Grain[] {
  const days = countDays(from, to);
  const names = Object.keys(GRAIN_LABELS) as readonly Grain[];
  return names.filter((name) => days >= MIN_DAYS[name] && (name !== "hour" || days <= MAX_DAYS_OF_HOURS));
}

/** Return the grain of a range: the chosen one if it is offered, else days up to 92 days, and weeks above. */
export function grainOf(range: Range, chosen: Grain | null): Grain {
  if (chosen !== null && offeredGrains(range).includes(chosen)) return chosen;
  return countDays(range.from, range.to) <= MAX_DAYS_BY_DEFAULT ? "day" : "week";
}

/** Return the grain to choose together with a range: hours for one or two days, because a chart of one day says little. */
export function grainForRange(range: Range, chosen: Grain | null): Grain | null {
  if (countDays(range.from, range.to) <= MAX_DAYS_OF_HOURS) return "hour";
  return chosen !== null && offeredGrains(range).includes(chosen) ? chosen : null;
}
