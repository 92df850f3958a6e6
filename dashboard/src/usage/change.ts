// The text of a comparison: the change and the days compared with. Pure functions.

import { type Comparison, type Delta } from "../api/shapes";
import { type Formats } from "../formats";
import { type Day } from "../range/days";

export interface ChangeText {
  readonly change: string;
  readonly days: string;
}

/** Return the text of a change: `+12.4%` and `vs Oct 1 – 22`, or `none` and `in Oct 2026` if the earlier figure is 0. */
export function changeText(
  delta: Delta,
  { then }: Pick<Comparison, "then">,
  today: Day,
  formats: Formats,
): ChangeText {
  const [from, to] = [Date.parse(then.from), Date.parse(then.to)];
  if (delta.change_percent === null) return { change: "none", days: formats.spanPhrase(from, to, today) };
  const change = delta.change === 0 ? "no change" : formats.change(delta.change_percent);
  return { change, days: `vs ${formats.span(from, to, today)}` };
}
