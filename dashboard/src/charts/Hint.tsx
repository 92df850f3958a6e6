// Names the day and its value, for a pointer over the chart and for the arrow keys; said aloud by screen readers.

import { type RefObject, createContext, use, useEffect } from "react";
import { type TooltipContentProps } from "recharts";
import { formats } from "../formats";
import { type Chart, type Point, markWords } from "./series";

/** What scrolls sideways around the chart, so that the day of the arrow keys comes into view. */
export const Scroller = createContext<RefObject<HTMLDivElement | null> | null>(null);

type Props = Pick<TooltipContentProps, "active" | "payload" | "coordinate"> & { chart: Chart };

export function Hint({ chart, active, payload, coordinate }: Props) {
  const scroller = use(Scroller);
  const x = active ? coordinate?.x : undefined;
  useEffect(() => {
    const box = scroller?.current;
    if (box == null || x === undefined) return;
    if (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth) {
      box.scrollTo({ left: x - box.clientWidth / 2 });
    }
  }, [scroller, x]);
  const point = payload[0]?.payload as Point | undefined;
  if (!active || point === undefined) return null;
  const value = chart.unit === "minutes" ? formats.minutes(point.value) : formats.count(point.value);
  return (
    <div className="hint" role="status">
      <span>
        {formats.day(point.day)}
        {markWords(point)}
      </span>
      <strong>
        {value} {chart.unit}
      </strong>
    </div>
  );
}
