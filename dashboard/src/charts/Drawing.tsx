// The drawing with its value axis, its pointer and its keys. A drawing that is too narrow for its intervals scrolls sideways.

import { useElementSize } from "@mantine/hooks";
import { type ReactElement, use, useCallback, useLayoutEffect, useMemo, useRef } from "react";
import { formats } from "../formats";
import { type Grain } from "../location/options";
import { rememberOpener } from "../location/PageLink";
import { type RangeChoice } from "../range/range";
import { CHART_HEIGHT } from "../theme";
import { ScrollerContext } from "./ChartTooltip";
import { type Scales } from "./layers";
import Plot, { AXIS_HEIGHT, TOP_MARGIN } from "./Plot";
import { PointedContext } from "./pointed";
import { type Chart, type ChartPoint } from "./series";
import { valueTicks } from "./ticks";
import { usePointer } from "./usePointer";
import { PRINT_WIDTH, usePrinting } from "./usePrinting";

const MIN_PIXELS = { bars: 3, line: 1.25 };
const SIDE_MARGINS = 56;

export interface DrawingProps {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
  readonly grain: Grain;
  /** Opens an interval: the list of its calls or runs, or the range of a week or month. */
  readonly open: (point: ChartPoint) => void;
  readonly choose: (choice: RangeChoice) => void;
}

export default function Drawing({ chart, points, grain, open, choose }: DrawingProps) {
  const { ref: container, width: measured } = useElementSize<HTMLDivElement>();
  const scroller = useRef<HTMLDivElement>(null);
  const inside = useRef<HTMLDivElement>(null);
  const scales = useRef<Scales | null>(null);
  const track = useCallback((latest: Scales) => {
    scales.current = latest;
  }, []);
  const printing = usePrinting();
  const { pointed, point } = use(PointedContext);
  const ticks = useMemo(() => {
    const values = points.flatMap(({ value, earlier }) => (earlier === null ? [value] : [value, earlier]));
    return valueTicks(values, chart.unit === "minutes" ? 0.01 : 1);
  }, [chart, points]);
  const minWidth = points.length * MIN_PIXELS[chart.kind] + SIDE_MARGINS;
  const width = printing ? PRINT_WIDTH : Math.max(Math.floor(measured), minWidth);
  const scrolls = !printing && measured > 0 && minWidth > measured;
  useLayoutEffect(() => {
    // Scroll to the newest intervals.
    if (scroller.current !== null) scroller.current.scrollLeft = scroller.current.scrollWidth;
  }, [scrolls, minWidth]);
  const openPoint = (index: number) => {
    const chosen = points[index];
    if (chosen === undefined || chosen.mark === "future" || chosen.mark === "no-data") return;
    const svg = inside.current?.querySelector("svg");
    if (svg != null) rememberOpener(svg);
    open(chosen);
  };
  const { handlers, selection, touched } = usePointer({
    points,
    scales,
    open: openPoint,
    zoom: grain === "hour" ? null : choose,
  });
  return (
    <div className="drawing">
      <ValueAxis ticks={ticks} />
      <div className="drawing-days" ref={container}>
        <div
          className="drawing-scroller"
          ref={scroller}
          {...(scrolls && {
            tabIndex: 0,
            role: "region",
            "aria-label": `${chart.title(grain)}, scrolls sideways`,
          })}
        >
          <div
            className={`drawing-inside plot ${chart.kind}`}
            ref={inside}
            style={{ minWidth }}
            {...handlers}
            onPointerEnter={() => {
              point(chart.field);
            }}
            onPointerLeave={({ pointerType }) => {
              if (pointerType !== "touch") point(null);
            }}
            onFocus={() => {
              point(chart.field);
            }}
            onBlur={() => {
              point(null);
            }}
          >
            <ScrollerContext value={scroller}>
              {(measured > 0 || printing) && (
                <Plot
                  chart={chart}
                  points={points}
                  grain={grain}
                  ticks={ticks}
                  width={width}
                  height={CHART_HEIGHT}
                  pointed={pointed === chart.field}
                  hint={<Hint chart={chart} grain={grain} touched={touched} />}
                  track={track}
                />
              )}
            </ScrollerContext>
            {selection !== null && (
              <div className="selection" style={{ left: selection.left, width: selection.width }} />
            )}
          </div>
        </div>
      </div>
    </div>
  );
}

/** The last line of the tooltip: what a click or a second tap does. */
function Hint({ chart, grain, touched }: { chart: Chart; grain: Grain; touched: boolean }): ReactElement {
  const nouns = chart.field === "workflow_runs" ? "runs" : "calls";
  const what = { hour: `the day\u2019s ${nouns}`, day: nouns, week: "this week", month: "this month" }[grain];
  return <>{touched ? `Tap again to see ${what}` : `Click to see ${what}`}</>;
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
