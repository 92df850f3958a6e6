// A line per day: solid for days that are over, dashed to the day that is not, dots while there is room for them.

import { LineChart } from "@mantine/charts";
import { type ReactElement } from "react";
import { type DaysProps, axes, described, margin, opening } from "./common";
import { Hint } from "./Hint";
import { Ring, Tick } from "./marks";
import { type Point } from "./series";

const MOST_DOTS = 31;
/** Half a label, which would be cut off beside the first and the last point otherwise. */
const LABEL_HALF = 26;

interface DotProps {
  readonly cx?: number | null | undefined;
  readonly cy?: number | null | undefined;
  readonly payload?: Point;
}

export function Lines({ chart, points, ticks, open }: DaysProps) {
  const { color } = chart;
  const { xAxisProps, yAxisProps, gridProps } = axes(points, ticks);
  const dots = points.length <= MOST_DOTS;
  return (
    <LineChart
      h="100%"
      className="plot"
      data={[...points]}
      dataKey="day"
      series={[
        { name: "whole", color },
        { name: "soFar", color, strokeDasharray: "5 4" },
      ]}
      curveType="linear"
      connectNulls={false}
      strokeWidth={2}
      withYAxis={false}
      tickLine="none"
      gridAxis="x"
      yAxisProps={yAxisProps}
      gridProps={gridProps}
      xAxisProps={{ ...xAxisProps, padding: { left: LABEL_HALF, right: LABEL_HALF } }}
      lineProps={(series) => ({
        dot: series.name === "soFar" ? hollowDot(color) : wholeDot(color, dots),
        activeDot: { r: 4, fill: color, stroke: "var(--mantine-color-body)" },
      })}
      tooltipProps={{ content: (props) => <Hint chart={chart} {...props} />, isAnimationActive: false }}
      lineChartProps={{ margin, ...opening(open), ...described(chart) }}
    />
  );
}

/** Of the dashed line, only the day that is not over has a dot. */
function hollowDot(color: string) {
  return function Dot({ cx, cy, payload }: DotProps): ReactElement {
    if (payload?.partial !== true || cx == null || cy == null) return <g />;
    return <Ring x={cx} y={cy} color={color} />;
  };
}

/** Of the solid line, every day has a dot while there is room, and a mark where it needs one. */
function wholeDot(color: string, dots: boolean) {
  return function Dot({ cx, cy, payload }: DotProps): ReactElement {
    if (cx == null || cy == null) return <g />;
    if (payload?.mark === "no-data") return <Tick x={cx} y={cy} />;
    if (payload?.mark === "settling") return <Ring x={cx} y={cy} color={color} />;
    return dots ? <circle cx={cx} cy={cy} r={3} fill={color} /> : <g />;
  };
}
