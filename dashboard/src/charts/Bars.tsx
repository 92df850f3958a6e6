// A bar chart with a bar per day, at most 48 pixels wide. Today's bar is hatched, because the day is not over.

import { BarChart } from "@mantine/charts";
import { type ReactElement, useId } from "react";
import { ChartTooltip } from "./ChartTooltip";
import { type PlotProps, accessibleName, axes, clickHandlers, margin } from "./common";
import { RingMark, TickMark } from "./marks";
import { type ChartPoint } from "./series";

const MAX_BAR_WIDTH = 48;
const MAX_BARS_WITH_GAPS = 120;
/** Padding left and right, so that the first and last label are not cut off. */
const LABEL_OVERHANG = 14;

interface BarShapeProps {
  readonly x?: number;
  readonly y?: number;
  readonly width?: number;
  readonly height?: number;
  readonly payload?: ChartPoint;
}

export function Bars({ chart, points, ticks, open }: PlotProps) {
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
      maxBarWidth={MAX_BAR_WIDTH}
      withYAxis={false}
      tickLine="none"
      gridAxis="x"
      cursorFill="var(--chart-grid)"
      yAxisProps={yAxisProps}
      gridProps={gridProps}
      xAxisProps={{ ...xAxisProps, padding: { left: LABEL_OVERHANG, right: LABEL_OVERHANG } }}
      barProps={{
        shape: (props: unknown) => <BarShape {...(props as BarShapeProps)} color={color} hatch={hatch} />,
      }}
      tooltipProps={{
        content: (props) => <ChartTooltip chart={chart} {...props} />,
        isAnimationActive: false,
      }}
      barChartProps={{
        margin,
        barCategoryGap: points.length > MAX_BARS_WITH_GAPS ? 0.5 : "18%",
        ...clickHandlers(open),
        ...accessibleName(chart),
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

function BarShape({
  x,
  y,
  width,
  height,
  payload,
  color,
  hatch,
}: BarShapeProps & { color: string; hatch: string }): ReactElement {
  if (x === undefined || y === undefined || width === undefined || height === undefined) return <g />;
  const center = x + width / 2;
  if (payload?.mark === "no-data") return <TickMark x={center} y={y + height} />;
  const settling = payload?.mark === "settling" && <RingMark x={center} y={y} color={color} />;
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
