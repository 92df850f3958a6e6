// What lines and bars have in common: axes from 0, no animation, one label per day that fits.

import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Chart, type Point, dayTicks } from "./series";

export interface DaysProps {
  readonly chart: Chart;
  readonly points: readonly Point[];
  readonly ticks: readonly number[];
  /** Shows the records of a day, by its place among the points. */
  readonly open: (index: number, drawing: SVGElement | null) => void;
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

/** A press on a day, wherever in its column, opens its records; handled in turn after the pointer's move to it. */
export function opening(open: DaysProps["open"]) {
  return {
    throttledEvents: ["mousemove", "touchmove", "pointermove", "scroll", "wheel", "click"],
    onClick: (
      { activeTooltipIndex }: { activeTooltipIndex?: number | string | null | undefined },
      { target }: { target: EventTarget },
    ) => {
      if (activeTooltipIndex == null) return;
      open(Number(activeTooltipIndex), target instanceof Element ? target.closest("svg") : null);
    },
  } as const;
}

/** What a screen reader says of the drawing itself. */
export function described(chart: Chart): { "aria-label": string } {
  return { "aria-label": `${chart.title}: arrow keys move from day to day` };
}
