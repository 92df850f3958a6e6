// Draws a chart: a fixed value axis, and the days, which scroll sideways if they do not fit.

import { useElementSize } from "@mantine/hooks";
import "@mantine/charts/styles.css";
import { useLayoutEffect, useMemo, useRef } from "react";
import { formats } from "../formats";
import { rememberOpener } from "../location/PageLink";
import { navigate } from "../location/router";
import { CHART_HEIGHT } from "../theme";
import { Bars } from "./Bars";
import { ScrollerContext } from "./ChartTooltip";
import { AXIS_HEIGHT, TOP_MARGIN } from "./common";
import { Lines } from "./Lines";
import { type Chart, type ChartPoint, recordsOnDay, valueTicks } from "./series";

const MIN_PIXELS_PER_DAY = { bars: 3, line: 1.25 };
const SIDE_MARGINS = { bars: 36, line: 60 };

export interface DrawingProps {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
}

export default function Drawing({ chart, points }: DrawingProps) {
  const { ref: container, width } = useElementSize<HTMLDivElement>();
  const scroller = useRef<HTMLDivElement>(null);
  const ticks = useMemo(() => {
    const values = points.map(({ value }) => value);
    return valueTicks(values, chart.unit !== "minutes");
  }, [chart, points]);
  const minWidth = points.length * MIN_PIXELS_PER_DAY[chart.kind] + SIDE_MARGINS[chart.kind];
  const scrolls = width > 0 && minWidth > width;
  useLayoutEffect(() => {
    // Scroll to the newest days.
    if (scroller.current !== null) scroller.current.scrollLeft = scroller.current.scrollWidth;
  }, [scrolls, minWidth]);
  const open = (index: number, svg: SVGElement | null) => {
    const point = points[index];
    if (point === undefined || point.mark === "future" || point.mark === "no-data") return;
    if (svg !== null) rememberOpener(svg);
    navigate({ records: recordsOnDay(chart, point.day) }, "push");
  };
  const Plot = chart.kind === "line" ? Lines : Bars;
  return (
    <div className="drawing">
      <ValueAxis ticks={ticks} />
      <div className="drawing-days" ref={container}>
        <div
          className="drawing-scroller"
          ref={scroller}
          {...(scrolls && { tabIndex: 0, role: "region", "aria-label": `${chart.title}, scrolls sideways` })}
        >
          <div className="drawing-inside" style={{ minWidth: minWidth }}>
            <ScrollerContext value={scroller}>
              <Plot chart={chart} points={points} ticks={ticks} open={open} />
            </ScrollerContext>
          </div>
        </div>
      </div>
    </div>
  );
}

function ValueAxis({ ticks }: { ticks: readonly number[] }) {
  const top = ticks.at(-1) ?? 1;
  const widest = ticks
    .map(formats.tick)
    .reduce((longest, label) => (label.length > longest.length ? label : longest), "");
  return (
    <div className="value-axis" aria-hidden="true">
      <span className="value-axis-width">{widest}</span>
      {ticks.map((tick) => (
        <span key={tick} className="value-axis-tick" style={{ bottom: `${bottomPercent(tick / top)}%` }}>
          {formats.tick(tick)}
        </span>
      ))}
    </div>
  );
}

/** Return the position of a value, given as a fraction of the highest tick, in percent of the chart's height. */
function bottomPercent(fraction: number): number {
  return ((AXIS_HEIGHT + fraction * (CHART_HEIGHT - TOP_MARGIN - AXIS_HEIGHT)) / CHART_HEIGHT) * 100;
}
