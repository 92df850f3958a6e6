// The drawing of a chart: an area or stacked bars, the earlier period behind it, shaded weekends, and the tooltip.

import { type ReactElement } from "react";
import { Area, Bar, CartesianGrid, ComposedChart, Line, Tooltip, XAxis, YAxis } from "recharts";
import { formats } from "../formats";
import { type Grain } from "../location/options";
import { BarShape, type BarShapeProps } from "./BarShape";
import { ChartTooltip } from "./ChartTooltip";
import { Cursor, Gaps, ScaleTracker, type Scales, Weekends } from "./layers";
import { RingMark } from "./marks";
import { type Chart, type ChartPoint } from "./series";
import { startLabel, startTicks } from "./ticks";

/** Space above the highest value and below the axis. The value axis uses the same. */
export const TOP_MARGIN = 8;
export const AXIS_HEIGHT = 26;
/** Padding left and right, so that the first and last label are not cut off. */
const LABEL_OVERHANG = 24;
const LABEL_WIDTH = 58;
const MAX_BAR_WIDTH = 40;
const MAX_BARS_WITH_GAPS = 120;

interface Props {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
  readonly grain: Grain;
  readonly ticks: readonly number[];
  readonly width: number;
  readonly height: number;
  /** Whether the pointer or the focus is in this chart; the others show only a cursor line. */
  readonly pointed: boolean;
  /** What a click does, as the last line of the tooltip. */
  readonly hint: ReactElement | null;
  readonly track: (scales: Scales) => void;
}

export default function Plot({ chart, points, grain, ticks, width, height, pointed, hint, track }: Props) {
  const starts = points.map(({ start }) => start);
  const labels = startTicks(starts, grain, Math.floor(width / LABEL_WIDTH));
  const top = ticks.at(-1) ?? 1;
  const { color } = chart;
  return (
    <ComposedChart
      width={width}
      height={height}
      data={[...points]}
      margin={{ top: TOP_MARGIN, right: 4, bottom: 0, left: 4 }}
      barCategoryGap={points.length > MAX_BARS_WITH_GAPS ? 0.5 : "22%"}
      maxBarSize={MAX_BAR_WIDTH}
      syncId="usage"
      accessibilityLayer
      aria-label={`${chart.title(grain)}: arrow keys move, Enter opens`}
    >
      {grain === "day" && <Weekends points={points} />}
      <Cursor chart={chart} points={points} />
      <CartesianGrid vertical={false} syncWithTicks />
      <XAxis
        dataKey="start"
        height={AXIS_HEIGHT}
        ticks={[...labels]}
        tickFormatter={startLabel(starts, grain, labels, formats)}
        interval={0}
        tickLine={false}
        axisLine={false}
        tickMargin={6}
        padding={{ left: LABEL_OVERHANG, right: LABEL_OVERHANG }}
      />
      <YAxis hide domain={[0, top]} ticks={[...ticks]} width={0} />
      <Tooltip
        isAnimationActive={false}
        position={{ y: 0 }}
        cursor={false}
        wrapperStyle={{ pointerEvents: "none", zIndex: 3 }}
        content={(props) => <ChartTooltip chart={chart} pointed={pointed} hint={hint} {...props} />}
      />
      {chart.kind === "line" ? (
        <AreaAndLines color={color} points={points} />
      ) : (
        <Bars top={top} chart={chart} />
      )}
      <Gaps points={points} />
      <ScaleTracker track={track} />
    </ComposedChart>
  );
}

function Bars({ chart, top }: { chart: Chart; top: number }) {
  return (
    <Bar
      dataKey={"value" satisfies keyof ChartPoint}
      isAnimationActive={false}
      shape={(props: unknown) => <BarShape {...(props as BarShapeProps)} parts={chart.parts} top={top} />}
    />
  );
}

function AreaAndLines({ color, points }: { color: string; points: readonly ChartPoint[] }) {
  const common = { type: "linear", isAnimationActive: false, connectNulls: false, stroke: color } as const;
  return (
    <>
      <Line
        {...common}
        dataKey={"earlier" satisfies keyof ChartPoint}
        className="earlier-line"
        stroke="var(--chart-earlier)"
        strokeWidth={1.25}
        strokeDasharray="2 3"
        dot={false}
        activeDot={false}
      />
      <Area
        {...common}
        dataKey={"complete" satisfies keyof ChartPoint}
        fill={color}
        fillOpacity={0.1}
        strokeWidth={2}
        dot={dotOf(color, points)}
        activeDot={{ r: 4, fill: color, stroke: "var(--mantine-color-body)" }}
      />
      <Line
        {...common}
        dataKey={"soFar" satisfies keyof ChartPoint}
        strokeWidth={2}
        strokeDasharray="5 4"
        dot={hollowDot(color)}
        activeDot={{ r: 4, fill: color, stroke: "var(--mantine-color-body)" }}
      />
    </>
  );
}

interface DotProps {
  readonly cx?: number | null | undefined;
  readonly cy?: number | null | undefined;
  readonly index?: number;
  readonly payload?: ChartPoint;
}

/** On the dashed line, only the interval that is not over has a dot. */
function hollowDot(color: string) {
  return function Dot({ cx, cy, payload }: DotProps): ReactElement {
    if (payload?.partial !== true || cx == null || cy == null) return <g />;
    return <RingMark x={cx} y={cy} color={color} />;
  };
}

/** Dots are shown on hover only, except for marks and for points between two gaps, which have no line. */
function dotOf(color: string, points: readonly ChartPoint[]) {
  return function Dot({ cx, cy, index = 0, payload }: DotProps): ReactElement {
    if (cx == null || cy == null || payload?.complete == null) return <g />;
    if (payload.ringed) return <RingMark x={cx} y={cy} color={color} />;
    const alone = points[index - 1]?.complete == null && points[index + 1]?.complete == null;
    return alone ? <circle cx={cx} cy={cy} r={3} fill={color} /> : <g />;
  };
}
