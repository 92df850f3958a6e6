// A bar per day, at least 3 pixels apart and at most 48 wide; the day that is not over is hatched.

import { BarChart } from "@mantine/charts";
import { type ReactElement, useId } from "react";
import { type DaysProps, axes, described, margin, opening } from "./common";
import { Hint } from "./Hint";
import { Ring, Tick } from "./marks";
import { type Point } from "./series";

const WIDEST = 48;
const MOST_WITH_GAPS = 120;
/** What narrow bars leave of half a label, which would be cut off beside the first and the last day otherwise. */
const LABEL_PART = 14;

interface ShapeProps {
  readonly x?: number;
  readonly y?: number;
  readonly width?: number;
  readonly height?: number;
  readonly payload?: Point;
}

export function Bars({ chart, points, ticks, open }: DaysProps) {
  const hatch = useId();
  const { color } = chart;
  const { xAxisProps, yAxisProps, gridProps } = axes(points, ticks);
  return (
    <BarChart
      h="100%"
      className="plot"
      data={[...points]}
      dataKey="day"
      series={[{ name: "value", color }]}
      maxBarWidth={WIDEST}
      withYAxis={false}
      tickLine="none"
      gridAxis="x"
      cursorFill="var(--chart-grid)"
      yAxisProps={yAxisProps}
      gridProps={gridProps}
      xAxisProps={{ ...xAxisProps, padding: { left: LABEL_PART, right: LABEL_PART } }}
      barProps={{
        shape: (props: unknown) => <Shape {...(props as ShapeProps)} color={color} hatch={hatch} />,
      }}
      tooltipProps={{ content: (props) => <Hint chart={chart} {...props} />, isAnimationActive: false }}
      barChartProps={{
        margin,
        barCategoryGap: points.length > MOST_WITH_GAPS ? 0.5 : "18%",
        ...opening(open),
        ...described(chart),
      }}
    >
      <defs>
        <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="2.5" height="6" fill={color} />
        </pattern>
      </defs>
    </BarChart>
  );
}

function Shape({
  x,
  y,
  width,
  height,
  payload,
  color,
  hatch,
}: ShapeProps & { color: string; hatch: string }): ReactElement {
  if (x === undefined || y === undefined || width === undefined || height === undefined) return <g />;
  const middle = x + width / 2;
  if (payload?.mark === "no-data") return <Tick x={middle} y={y + height} />;
  const settling = payload?.mark === "settling" && <Ring x={middle} y={y} color={color} />;
  if (height <= 0) return <g>{settling}</g>;
  const partial = payload?.partial === true;
  return (
    <g>
      <rect
        className="bar"
        x={partial ? x + 0.5 : x}
        y={partial ? y + 0.5 : y}
        width={partial ? Math.max(width - 1, 1) : width}
        height={partial ? Math.max(height - 0.5, 0.5) : height}
        rx={width > 8 ? 2 : 0}
        fill={partial ? `url(#${hatch})` : color}
        stroke={partial ? color : "none"}
      />
      {settling}
    </g>
  );
}
