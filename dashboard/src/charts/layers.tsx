// Layers of a drawing that follow its axes: shaded weekends, ticks for intervals without data.

import { useActiveTooltipLabel, usePlotArea, useXAxisInverseDataSnapScale, useXAxisScale } from "recharts";
import { useLayoutEffect } from "react";
import { TickMark } from "./marks";
import { type Chart, type ChartPoint, followsWeekendDay, isWeekend } from "./series";

/** What the pointer and the keys need to know about a drawing. */
export interface Scales {
  /** Return the start of the interval at a position. */
  readonly startAt: (x: number) => string | null;
  /** The start of the interval that the tooltip shows. */
  readonly active: string | null;
}

/** Reports the scales of a drawing to its pointer and keyboard handlers. */
export function ScaleTracker({ track }: { track: (scales: Scales) => void }) {
  const inverse = useXAxisInverseDataSnapScale();
  const active = useActiveTooltipLabel();
  useLayoutEffect(() => {
    track({
      startAt: (x) => {
        const start = inverse?.(x);
        return typeof start === "string" ? start : null;
      },
      active: typeof active === "string" ? active : null,
    });
  });
  return null;
}

export function Weekends({ points }: { points: readonly ChartPoint[] }) {
  const scale = useXAxisScale();
  const area = usePlotArea();
  if (scale === undefined || area === undefined) return null;
  const step = stepOf(points, scale);
  const days = points.filter(({ from }) => isWeekend(from));
  return (
    <g className="weekends">
      {days.map(({ from, start }) => {
        const middle = scale(start, { position: "middle" });
        if (middle === undefined) return null;
        const left = Math.max(area.x, middle - step / 2);
        const right = Math.min(area.x + area.width, middle + step / 2);
        // Overlap by half a pixel, or a seam shows between Saturday and Sunday.
        const seam = followsWeekendDay(from) ? 0.5 : 0;
        return (
          <rect
            key={start}
            x={left - seam}
            y={area.y}
            width={Math.max(0, right - left) + seam}
            height={area.height}
          />
        );
      })}
    </g>
  );
}

/** Marks the interval that the tooltip of any chart shows: a line, or a band behind bars. */
export function Cursor({ chart, points }: { chart: Chart; points: readonly ChartPoint[] }) {
  const scale = useXAxisScale();
  const area = usePlotArea();
  const active = useActiveTooltipLabel();
  if (scale === undefined || area === undefined || active === undefined) return null;
  const x = scale(active, { position: "middle" });
  if (x === undefined) return null;
  const step = stepOf(points, scale);
  return chart.kind === "line" ? (
    <path className="cursor-line" d={`M${x} ${area.y}v${area.height}`} />
  ) : (
    <rect className="cursor-band" x={x - step / 2} y={area.y} width={step} height={area.height} />
  );
}

export function Gaps({ points }: { points: readonly ChartPoint[] }) {
  const scale = useXAxisScale();
  const area = usePlotArea();
  if (scale === undefined || area === undefined) return null;
  return (
    <g>
      {points.map(({ start, mark }) => {
        const x = mark === "no-data" ? scale(start, { position: "middle" }) : undefined;
        return x === undefined ? null : <TickMark key={start} x={x} y={area.y + area.height} />;
      })}
    </g>
  );
}

/** Return the distance between two points. */
function stepOf(points: readonly ChartPoint[], scale: NonNullable<ReturnType<typeof useXAxisScale>>): number {
  const [first, second] = points;
  const a = first === undefined ? undefined : scale(first.start, { position: "middle" });
  const b = second === undefined ? undefined : scale(second.start, { position: "middle" });
  return a === undefined || b === undefined ? 40 : b - a;
}
