// The marks of days in both kinds of charts: a ring where a day is still settling, a grey tick where nothing came.

import { type ReactElement } from "react";

const RING = 3.5;
const TICK = 5;

export function Ring({ x, y, color }: { x: number; y: number; color: string }): ReactElement {
  return (
    <circle
      className="mark settling"
      cx={x}
      cy={y}
      r={RING}
      fill="var(--mantine-color-body)"
      stroke={color}
      strokeWidth={2}
    />
  );
}

/** Hangs from the axis, clear of what is drawn above it: `y` is where 0 is. */
export function Tick({ x, y }: { x: number; y: number }): ReactElement {
  return <path className="mark no-data" d={`M${x} ${y + 2}v${TICK}`} />;
}
