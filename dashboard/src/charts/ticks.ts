// The ticks of the axes. Pure functions.

import { type Formats } from "../formats";
import { type Grain } from "../location/options";
import { startOfDay } from "../range/days";

const MAX_STEPS = 4;
const MAX_DAYS_WITH_DAY_LABELS = 92;
const MAX_DAYS_WITHOUT_MONDAYS = 14;

/** Return ticks from 0 to at least the largest value, in steps of 1, 2 or 5 times a power of ten. */
export function valueTicks(values: readonly number[], smallest: number): readonly number[] {
  const max = Math.max(0, ...values);
  if (max === 0) return [0, 1];
  const minStep = Math.max(max / MAX_STEPS, smallest);
  const power = 10 ** Math.floor(Math.log10(minStep) + 1e-9);
  const nice = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= minStep * (1 - 1e-9));
  const step = nice ?? power;
  const steps = Math.ceil(max / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Return the starts that get a label: Mondays or the first of each month in long ranges, and always the last one. */
export function startTicks(starts: readonly string[], grain: Grain, maxLabels: number): readonly string[] {
  const last = starts.length - 1;
  const places = starts.map((_, index) => index).filter((index) => mayHaveLabel(starts, grain, index));
  const step = Math.max(1, Math.ceil(places.length / Math.max(1, maxLabels)));
  const chosen = places.filter((_, index) => index % step === 0);
  if (usesMonths(starts, grain)) return pick(starts, chosen);
  const minGap = starts.length / Math.max(1, maxLabels);
  return pick(starts, [...chosen.filter((index) => last - index >= minGap), last]);
}

function pick(starts: readonly string[], places: readonly number[]): readonly string[] {
  return places.flatMap((place) => starts[place] ?? []);
}

/** Whether labels are names of months. */
function usesMonths(starts: readonly string[], grain: Grain): boolean {
  return grain === "month" || grain === "week"
    ? starts.length > 20 || grain === "month"
    : grain === "day" && starts.length > MAX_DAYS_WITH_DAY_LABELS;
}

function mayHaveLabel(starts: readonly string[], grain: Grain, index: number): boolean {
  const start = starts[index] ?? "";
  if (grain === "month" || grain === "hour") return true;
  if (usesMonths(starts, grain)) {
    const before = starts[index - 1];
    return grain === "day"
      ? start.endsWith("-01")
      : before !== undefined && before.slice(0, 7) !== start.slice(0, 7);
  }
  if (grain === "week" || starts.length <= MAX_DAYS_WITHOUT_MONDAYS) return true;
  return new Date(startOfDay(start)).getUTCDay() === 1;
}

/** Return the function that writes the label of a start. */
export function startLabel(
  starts: readonly string[],
  grain: Grain,
  ticks: readonly string[],
  formats: Formats,
) {
  return (start: string): string => {
    if (grain === "hour") return formats.hour(Date.parse(start));
    return usesMonths(starts, grain) ? formats.month(start, start === ticks[0]) : formats.shortDay(start);
  };
}
