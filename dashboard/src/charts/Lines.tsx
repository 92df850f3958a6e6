// A line chart: solid for complete days, dashed to today, with dots for up to 31 days.

import { LineChart } from "@mantine/charts";
import { type ReactElement } from "react";
import { ChartTooltip } from "./ChartTooltip";
import { type PlotProps, accessibleName, axes, clickHandlers, margin } from "./common";
import { RingMark, TickMark } from "./marks";
import { type ChartPoint } from "./series";

const MAX_DOTS = 31;
/** Padding left and right, so that the first and last label are not cut off. */
const LABEL_OVERHANG = 26;

interface DotProps {
  readonly cx?: number | null | undefined;
  readonly cy?: number | null | undefined;
  readonly payload?: ChartPoint;
}

export function Lines({ chart, points, ticks, open }: PlotProps) {
  const { color } = chart;
  const { xAxisProps, yAxisProps, gridProps } = axes(points, ticks);
  const dots = points.length <= MAX_DOTS;
  return (
    <LineChart
      h="100%"
      className="plot"
      data={[...points]}
      dataKey="day"
      series={[
        { name: "complete" satisfies keyof ChartPoint, color },
        { name: "soFar" satisfies keyof ChartPoint, color, strokeDasharray: "5 4" },
      ]}
      curveType="linear"
      connectNulls={false}
      strokeWidth={2}
      withYAxis={false}
      tickLine="none"
      gridAxis="x"
      yAxisProps={yAxisProps}
      gridProps={gridProps}
      xAxisProps={{ ...xAxisProps, padding: { left: LABEL_OVERHANG, right: LABEL_OVERHANG } }}
      lineProps={(series) => ({
        dot: series.name === "soFar" ? hollowDot(color) : solidDot(color, dots),
        activeDot: { r: 4, fill: color, stroke: "var(--mantine-color-body)" },
      })}
      tooltipProps={{
        content: (props) => <ChartTooltip chart={chart} {...props} />,
        isAnimationActive: false,
      }}
      lineChartProps={{ margin, ...clickHandlers(open), ...accessibleName(chart) }}
    />
  );
}

/** On the dashed line, only today has a dot. */
function hollowDot(color: string) {
  return function Dot({ cx, cy, payload }: DotProps): ReactElement {
    if (payload?.partial !== true || cx == null || cy == null) return <g />;
    return <RingMark x={cx} y={cy} color={color} />;
  };
}

/** On the solid line, days have a dot if `dots` is set, and their mark if they have one. */
function solidDot(color: string, dots: boolean) {
  return function Dot({ cx, cy, payload }: DotProps): ReactElement {
    if (cx == null || cy == null) return <g />;
    if (payload?.mark === "no-data") return <TickMark x={cx} y={cy} />;
    if (payload?.mark === "settling") return <RingMark x={cx} y={cy} color={color} />;
    return dots ? <circle cx={cx} cy={cy} r={3} fill={color} /> : <g />;
  };
}
