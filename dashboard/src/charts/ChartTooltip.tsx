// The tooltip: an interval, its value and parts, and the earlier value. Screen readers announce it.

import { type ReactElement, type RefObject, createContext, use, useEffect } from "react";
import { type TooltipContentProps } from "recharts";
import { formats } from "../formats";
import { type Chart, type ChartPoint, markSuffix } from "./series";

/** The element that scrolls sideways. The tooltip scrolls it to the interval that the arrow keys select. */
export const ScrollerContext = createContext<RefObject<HTMLDivElement | null> | null>(null);

type Props = Pick<TooltipContentProps, "active" | "payload" | "coordinate"> & {
  chart: Chart;
  pointed: boolean;
  hint: ReactElement | null;
};

export function ChartTooltip({ chart, pointed, hint, active, payload, coordinate }: Props) {
  const scroller = use(ScrollerContext);
  const x = active ? coordinate?.x : undefined;
  useEffect(() => {
    const element = scroller?.current;
    if (element == null || x === undefined) return;
    if (x < element.scrollLeft || x > element.scrollLeft + element.clientWidth) {
      element.scrollTo({ left: x - element.clientWidth / 2 });
    }
  }, [scroller, x]);
  const point = payload[0]?.payload as ChartPoint | undefined;
  if (!active || !pointed || point === undefined) return null;
  const format = chart.unit === "minutes" ? formats.minutes : formats.count;
  const opens = point.mark !== "no-data" && point.mark !== "future";
  return (
    <div className="tooltip" role="status">
      <span className="tooltip-title">
        {point.label}
        {markSuffix(point)}
      </span>
      <strong>
        {format(point.value)} {chart.unit}
      </strong>
      {chart.parts.map(({ label, color }, index) => (
        <span key={label} className="tooltip-row">
          <span className="swatch" style={{ color }} aria-hidden="true" />
          {label}
          <span className="tooltip-value">{formats.count(point.parts[index] ?? 0)}</span>
        </span>
      ))}
      {point.earlier !== null && (
        <span className="tooltip-row muted">
          <span className="swatch earlier" aria-hidden="true" />
          {point.earlierLabel}
          <span className="tooltip-value">{format(point.earlier)}</span>
        </span>
      )}
      {opens && <span className="tooltip-hint">{hint}</span>}
    </div>
  );
}
