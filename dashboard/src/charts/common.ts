// What lines and bars have in common: axes from 0, no animation, one label per day that fits.

import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Chart, type Point, dayTicks } from "./series";

export interface DaysProps {
  readonly chart: Chart;
  readonly points: readonly Point[];
  readonly ticks: readonly number[];
}

/** Room above the highest value and below the axis, which the axis of values has to keep too. */
export const ABOVE = 10;
export const BELOW = 28;
const SIDES = 4;

export const margin = { top: ABOVE, right: SIDES, bottom: 0, left: SIDES };

export function axes(points: readonly Point[], ticks: readonly number[]) {
  const days = dayTicks(points);
  const months = days.length < points.length;
  const label = months ? (day: Day) => formats.month(day, day === days[0]) : formats.shortDay;
  return {
    xAxisProps: {
      height: BELOW,
      ticks: [...days],
      tickFormatter: label,
      interval: "equidistantPreserveStart",
      minTickGap: 14,
      tickMargin: 0,
    },
    yAxisProps: { domain: [0, ticks.at(-1) ?? 1], ticks: [...ticks], width: 0, allowDataOverflow: false },
    gridProps: { syncWithTicks: true, strokeDasharray: "0" },
  } as const;
}

/** What a screen reader says of the drawing itself. */
export function described(chart: Chart): { "aria-label": string } {
  return { "aria-label": `${chart.title}: arrow keys move from day to day` };
}
