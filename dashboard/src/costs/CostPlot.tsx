// The drawing of the cost chart: stacked bars, below zero where an amount is negative. A bar that is not final is hatched.

import { type ReactElement, useId, useMemo } from "react";
import {
  Bar,
  BarChart,
  CartesianGrid,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  type TooltipContentProps,
  XAxis,
  YAxis,
} from "recharts";
import { formats } from "../formats";
import { type Day } from "../range/days";
import { Swatch } from "./CostLegend";
import { type Money } from "./money";
import { type CostPoint, type CostSeries, type Part, amountAxis, heightsOf } from "./series";
import { pointLabel } from "./CostTable";

const MAX_BAR_WIDTH = 48;
const AXIS_HEIGHT = 28;
const PIXELS_PER_CHARACTER = 7.5;
/** Padding left and right, so that the first and last label are not cut off. */
const LABEL_OVERHANG = 14;
/** The gap between two parts of a bar. */
const GAP = 1;

interface Datum {
  readonly point: CostPoint;
  readonly day: Day;
}

interface Props {
  /** With the parts that are drawn. */
  readonly series: CostSeries;
  /** All parts, for the tooltip. */
  readonly parts: readonly Part[];
  readonly money: Money;
}

export default function CostPlot({ series, parts: allParts, money }: Props) {
  const hatch = useId();
  const { grain, parts, points } = series;
  const { data, axis, axisWidth } = useMemo(() => {
    const heights = points.map((point) => heightsOf(point, parts));
    const axis = amountAxis(heights);
    const longest = Math.max(...axis.ticks.map((tick) => money.tick(tick).length));
    return {
      data: points.map((point, index) => ({ ...heights[index], day: point.day, point }) satisfies Datum),
      axis,
      axisWidth: Math.ceil(longest * PIXELS_PER_CHARACTER) + 8,
    };
  }, [points, parts, money]);
  return (
    <ResponsiveContainer className="cost-plot" height="100%">
      <BarChart
        data={data}
        stackOffset="sign"
        margin={{ top: 10, right: 4, bottom: 0, left: 0 }}
        barCategoryGap="18%"
        maxBarSize={MAX_BAR_WIDTH}
        accessibilityLayer
        aria-label={`Cost per ${grain}: arrow keys move from ${grain} to ${grain}`}
      >
        <defs>
          {parts.map(({ id, color }) => (
            <pattern
              key={id}
              id={`${hatch}${id}`}
              width="6"
              height="6"
              patternUnits="userSpaceOnUse"
              patternTransform="rotate(45)"
            >
              <rect width="3" height="6" fill={color} />
            </pattern>
          ))}
        </defs>
        <CartesianGrid vertical={false} syncWithTicks />
        <XAxis
          dataKey={"day" satisfies keyof Datum}
          height={AXIS_HEIGHT}
          tickFormatter={(day: Day) =>
            grain === "day" ? formats.shortDay(day) : formats.month(day, day === points[0]?.day)
          }
          interval="equidistantPreserveStart"
          minTickGap={14}
          tickLine={false}
          axisLine={false}
          tickMargin={0}
          padding={{ left: LABEL_OVERHANG, right: LABEL_OVERHANG }}
        />
        <YAxis
          domain={[axis.low, axis.high]}
          ticks={[...axis.ticks]}
          width={axisWidth}
          tickFormatter={money.tick}
          tickLine={false}
          axisLine={false}
        />
        <ReferenceLine y={0} stroke="var(--mantine-color-dimmed)" />
        <Tooltip
          isAnimationActive={false}
          cursor={{ fill: "var(--chart-grid)" }}
          content={(props) => <CostTooltip grain={grain} parts={allParts} money={money} {...props} />}
        />
        {parts.map(({ id, color }) => (
          <Bar
            key={id}
            dataKey={id}
            stackId="cost"
            isAnimationActive={false}
            shape={(props: unknown) => (
              <BarPart {...(props as BarPartProps)} color={color} hatch={`${hatch}${id}`} />
            )}
          />
        ))}
      </BarChart>
    </ResponsiveContainer>
  );
}

interface BarPartProps {
  readonly x?: number;
  readonly y?: number;
  readonly width?: number;
  readonly height?: number;
  readonly payload?: Datum;
}

function BarPart({
  x,
  y,
  width,
  height,
  payload,
  color,
  hatch,
}: BarPartProps & { color: string; hatch: string }): ReactElement {
  if (x === undefined || y === undefined || width === undefined || height === undefined) return <g />;
  // Parts below zero have a negative height.
  const size = Math.abs(height);
  if (size === 0) return <g />;
  const partial = payload?.point.partial === true;
  return (
    <rect
      className="bar"
      x={partial ? x + 0.5 : x}
      y={Math.min(y, y + height)}
      width={partial ? Math.max(width - 1, 1) : width}
      height={size > 3 * GAP ? size - GAP : size}
      fill={partial ? `url(#${hatch})` : color}
      stroke={partial ? color : "none"}
    />
  );
}

type TooltipProps = Pick<TooltipContentProps, "active" | "payload"> &
  Pick<CostSeries, "grain" | "parts"> & { money: Money };

function CostTooltip({ grain, parts, money, active, payload }: TooltipProps) {
  const point = (payload[0]?.payload as Datum | undefined)?.point;
  if (!active || point === undefined) return null;
  return (
    <div className="tooltip cost-tooltip" role="status">
      <span>{pointLabel(point, grain)}</span>
      <strong>{point.amount === null ? "No plan" : money.amount(point.amount)}</strong>
      {parts
        .filter(({ id }) => point.amounts[id] !== undefined)
        .map((part) => (
          <TooltipPart key={part.id} part={part} text={money.amount(point.amounts[part.id] ?? "0")} />
        ))}
    </div>
  );
}

function TooltipPart({ part, text }: { part: Part; text: string }) {
  return (
    <span className="cost-tooltip-part">
      <Swatch color={part.color} />
      <span className="cost-tooltip-name">{part.label}</span> {text}
    </span>
  );
}
