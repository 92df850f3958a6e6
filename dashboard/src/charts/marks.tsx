// Marks of days in line and bar charts: a ring for a day that may still change, a grey tick for a day without data.

import { type ReactElement } from "react";

const RING_RADIUS = 3.5;
const TICK_HEIGHT = 5;

export function RingMark({ x, y, color }: { x: number; y: number; color: string }): ReactElement {
  return (
    <circle
      className="mark settling"
      cx={x}
      cy={y}
      r={RING_RADIUS}
      fill="var(--mantine-color-body)"
      stroke={color}
      strokeWidth={2}
    />
  );
}

/** A tick below the axis; `y` is the position of 0. */
export function TickMark({ x, y }: { x: number; y: number }): ReactElement {
  return <path className="mark no-data" d={`M${x} ${y + 2}v${TICK_HEIGHT}`} />;
}
