// The parts of a row's series that are drawn. Pure functions.

import { addDays, utcDay } from "../range/days";

const DAYS: Readonly<Record<"day" | "week", number>> = { day: 1, week: 7 };

/** Return which intervals are whole: inside the window, and over. A partial week drawn as a whole one looks like a fall. */
export function wholeIntervals(
  starts: readonly string[],
  interval: "day" | "week",
  window: { readonly from: string; readonly to: string },
  today: string,
): readonly boolean[] {
  const [from, end] = [window.from.slice(0, 10), utcDay(Date.parse(window.to))];
  return starts.map((start) => {
    const next = addDays(start, DAYS[interval]);
    return start >= from && next <= end && next <= today;
  });
}
