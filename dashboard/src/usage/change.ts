// The text of a change: its direction and percentage, and the earlier figure. Pure functions.

import { type Delta } from "../api/shapes";
import { type Formats } from "../formats";

export interface ChangeText {
  /** The percentage with its sign; null if the earlier figure is too small for one. */
  readonly percent: string | null;
  readonly direction: "up" | "down" | "same";
  /** `was 12,320`, or `from 23` without a percentage. */
  readonly earlier: string;
}

/** A larger change says less than the earlier figure does. */
const MAX_PERCENT = 999;

/** Return the text of a change; `format` writes its figures. */
export function changeText(
  { change, change_percent: percent, then }: Delta,
  format: (value: number) => string,
  { change: formatPercent }: Pick<Formats, "change">,
): ChangeText {
  const direction = change === 0 ? "same" : change > 0 ? "up" : "down";
  if (percent === null) return { percent: null, direction, earlier: `was ${format(then)}` };
  if (Math.abs(percent) > MAX_PERCENT) return { percent: null, direction, earlier: `from ${format(then)}` };
  return { percent: formatPercent(percent), direction, earlier: `was ${format(then)}` };
}
