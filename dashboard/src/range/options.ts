// What else is chosen on the page beside the range: what it is compared with, how it is split, in which order.

import { type Day, addDays, daysIncluded, yearBefore } from "./days";
import { EARLIEST, type Range } from "./range";

export const COMPARES = {
  previous: "previous period",
  year: "a year earlier",
  none: "nothing",
} as const;
export type Compare = keyof typeof COMPARES;

export const TABS = {
  agent: "Agents",
  number: "Numbers",
  widget: "Widgets",
  workflow: "Workflows",
  channel: "Channels",
} as const;
export type By = keyof typeof TABS;

export const ORDERS = { calls: "Calls", voice: "Voice minutes", chat: "Chat minutes" } as const;
export type Order = keyof typeof ORDERS;

export interface Options {
  readonly compare: Compare;
  readonly by: By;
  readonly order: Order;
}

export const DEFAULT_OPTIONS: Options = { compare: "previous", by: "agent", order: "calls" };

export function isOneOf<Name extends string>(
  names: Readonly<Record<Name, string>>,
  text: string,
): text is Name {
  return Object.hasOwn(names, text);
}

/** What the API can be asked to compare a range with: nothing where the earlier one would overlap it or the first day. */
export function comparable({ from, to }: Range, compare: Compare): Compare {
  const then = thenOf(from, to, compare);
  return then === null || then < EARLIEST ? "none" : compare;
}

function thenOf(from: Day, to: Day, compare: Compare): Day | null {
  switch (compare) {
    case "none":
      return null;
    case "previous":
      return addDays(from, -daysIncluded(from, to));
    case "year":
      return yearBefore(addDays(to, 1)) > from ? null : yearBefore(from);
  }
}
