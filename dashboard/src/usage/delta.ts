// A comparison in words, pure: how a figure differs, and from the figure of which days.

import { type Comparison, type Delta } from "../api/shapes";
import { type Formats } from "../format";
import { type Day } from "../range/days";

export interface DeltaWords {
  readonly change: string;
  readonly days: string;
}

/** `noun` is what the figure counts: where there was none, no percentage can be given, and words say so. */
export function deltaWords(
  delta: Delta,
  noun: string,
  { then }: Pick<Comparison, "then">,
  today: Day,
  formats: Formats,
): DeltaWords {
  const days = formats.span(Date.parse(then.from), Date.parse(then.to), today);
  if (delta.change_percent === null) return { change: `no ${noun}`, days };
  const change = delta.change === 0 ? "no change" : formats.change(delta.change_percent);
  return { change, days: `against ${days}` };
}
