// The tooltip: a day and its value, for the pointer and the arrow keys. Screen readers announce it.

import { type RefObject, createContext, use, useEffect } from "react";
import { type TooltipContentProps } from "recharts";
import { formats } from "../formats";
import { type Chart, type ChartPoint, markSuffix } from "./series";

/** The element that scrolls sideways. The tooltip scrolls it to the day that the arrow keys select. */
export const ScrollerContext = createContext<RefObject<HTMLDivElement | null> | null>(null);

type Props = Pick<TooltipContentProps, "active" | "payload" | "coordinate"> & { chart: Chart };

export function ChartTooltip({ chart, active, payload, coordinate }: Props) {
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
  if (!active || point === undefined) return null;
  const value = chart.unit === "minutes" ? formats.minutes(point.value) : formats.count(point.value);
  return (
    <div className="tooltip" role="status">
      <span>
        {formats.day(point.day)}
        {markSuffix(point)}
      </span>
      <strong>
        {value} {chart.unit}
      </strong>
    </div>
  );
}
