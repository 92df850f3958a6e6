// Draws a chart: a fixed axis of values, and beside it the days, which scroll sideways where they are too many.

import { useElementSize } from "@mantine/hooks";
import "@mantine/charts/styles.css";
import { useLayoutEffect, useMemo, useRef } from "react";
import { formats } from "../formats";
import { CHART_HEIGHT } from "../theme";
import { Bars } from "./Bars";
import { ABOVE, BELOW } from "./common";
import { Lines } from "./Lines";
import { Scroller } from "./Hint";
import { openedBy } from "../range/PlaceLink";
import { visit } from "../range/visit";
import { type Chart, type Point, recordsOfDay, valueTicks } from "./series";

const PIXELS_A_DAY = { bars: 3, line: 1.25 };
const SIDES = { bars: 36, line: 60 };

export interface DrawingProps {
  readonly chart: Chart;
  readonly points: readonly Point[];
}

export default function Drawing({ chart, points }: DrawingProps) {
  const { ref: frame, width } = useElementSize<HTMLDivElement>();
  const scroller = useRef<HTMLDivElement>(null);
  const ticks = useMemo(() => {
    const values = points.map(({ value }) => value);
    return valueTicks(values, chart.unit !== "minutes");
  }, [chart, points]);
  const least = points.length * PIXELS_A_DAY[chart.kind] + SIDES[chart.kind];
  const scrolls = width > 0 && least > width;
  useLayoutEffect(() => {
    // The newest days are in view.
    if (scroller.current !== null) scroller.current.scrollLeft = scroller.current.scrollWidth;
  }, [scrolls, least]);
  const open = (index: number, drawing: SVGElement | null) => {
    const point = points[index];
    if (point === undefined || point.mark === "future" || point.mark === "no-data") return;
    if (drawing !== null) openedBy(drawing);
    visit({ records: recordsOfDay(chart, point.day) }, "push");
  };
  const Days = chart.kind === "line" ? Lines : Bars;
  return (
    <div className="drawing">
      <ValueAxis ticks={ticks} />
      <div className="drawing-days" ref={frame}>
        <div
          className="drawing-scroller"
          ref={scroller}
          {...(scrolls && { tabIndex: 0, role: "region", "aria-label": `${chart.title}, scrolls sideways` })}
        >
          <div className="drawing-inside" style={{ minWidth: least }}>
            <Scroller value={scroller}>
              <Days chart={chart} points={points} ticks={ticks} open={open} />
            </Scroller>
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
    .reduce((one, other) => (other.length > one.length ? other : one), "");
  return (
    <div className="value-axis" aria-hidden="true">
      <span className="value-axis-width">{widest}</span>
      {ticks.map((tick) => (
        <span key={tick} className="value-axis-tick" style={{ bottom: `${heightOf(tick / top)}%` }}>
          {formats.tick(tick)}
        </span>
      ))}
    </div>
  );
}

/** Where a part of the highest tick stands, in percent of the drawing's height, so that it may be scaled. */
function heightOf(part: number): number {
  return ((BELOW + part * (CHART_HEIGHT - ABOVE - BELOW)) / CHART_HEIGHT) * 100;
}
