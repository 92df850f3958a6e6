// What line and bar charts share: margins, axes, click handling.

import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Chart, type ChartPoint, dayTicks } from "./series";

export interface PlotProps {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
  readonly ticks: readonly number[];
  /** Opens the list of calls or runs of a day, given the index of its point. */
  readonly open: (index: number, svg: SVGElement | null) => void;
}

/** Space above the highest value and below the axis. The value axis uses the same. */
export const TOP_MARGIN = 10;
export const AXIS_HEIGHT = 28;
const SIDE_MARGIN = 4;

export const margin = { top: TOP_MARGIN, right: SIDE_MARGIN, bottom: 0, left: SIDE_MARGIN };

export function axes(points: readonly ChartPoint[], ticks: readonly number[]) {
  const days = dayTicks(points);
  const months = days.length < points.length;
  const label = months ? (day: Day) => formats.month(day, day === days[0]) : formats.shortDay;
  return {
    xAxisProps: {
      height: AXIS_HEIGHT,
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

/** Open a day on a click anywhere in its column. Clicks are throttled like moves, so that they come after the move. */
export function clickHandlers(open: PlotProps["open"]) {
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

/** Return the accessible name of the drawing. */
export function accessibleName(chart: Chart): { "aria-label": string } {
  return { "aria-label": `${chart.title}: arrow keys move from day to day` };
}
