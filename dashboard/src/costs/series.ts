// The data of the cost chart: its parts (charges, fee, minimum) and its points (days, or months of a long range).
// Heights are numbers, for drawing only; all texts are the API's amounts. Pure functions.

import { type ChargeCost, type Costs } from "../api/costs";
import { type Day } from "../range/days";
import { isNegative, isZero } from "./money";
import { FEE, LINE_NAMES, MINIMUM, isWhole, lastOfMonth } from "./words";

/** Longer ranges are drawn by month. */
const MAX_DAYS = 92;
/** Charges that have their own color; the others are drawn as one part. */
const MAX_COLORED = 7;
/** No id of a charge has an underscore. */
const OTHERS = "_others";

export interface Part {
  /** The id of a charge, `fee`, `minimum`, or the other charges as one. */
  readonly id: string;
  readonly label: string;
  readonly color: string;
}

/** A day or a month. */
export interface CostPoint {
  readonly day: Day;
  /** Null on days without a plan. */
  readonly amount: string | null;
  /** Not over yet, or a month that is not in the range as a whole. */
  readonly partial: boolean;
  /** The amounts by part id, without the zeros. */
  readonly amounts: Readonly<Record<string, string>>;
}

export interface CostSeries {
  readonly grain: "day" | "month";
  readonly parts: readonly Part[];
  readonly points: readonly CostPoint[];
}

export function costSeries(costs: Costs, today: Day): CostSeries {
  const grain = costs.days.length > MAX_DAYS ? "month" : "day";
  const points = grain === "day" ? dayPoints(costs, today) : monthPoints(costs, today);
  return { grain, points, parts: partsOf(costs, points) };
}

function dayPoints({ days, months }: Costs, today: Day): CostPoint[] {
  const byMonth = new Map(months.map((month) => [month.month, month]));
  return days.map(({ day, amount, charges }) => {
    const month = byMonth.get(day.slice(0, 7));
    const amounts = { ...charges };
    // The fee is of the month's first day, the minimum of its last.
    if (month?.fee != null && day === `${month.month}-01`) amounts[FEE] = month.fee;
    if (month?.minimum_charge != null && day === lastOfMonth(month.month)) {
      amounts[MINIMUM] = month.minimum_charge;
    }
    return { day, amount, partial: day === today, amounts: withoutZeros(amounts) };
  });
}

function monthPoints({ months }: Costs, today: Day): CostPoint[] {
  return months.map((month) => {
    const amounts = Object.fromEntries(month.charges.map(({ id, amount }) => [id, amount]));
    if (month.fee !== null) amounts[FEE] = month.fee;
    if (month.minimum_charge !== null) amounts[MINIMUM] = month.minimum_charge;
    return {
      day: `${month.month}-01`,
      amount: month.total,
      partial: !isWhole(month) || month.to > today,
      amounts: withoutZeros(amounts),
    };
  });
}

function withoutZeros(amounts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).filter(([, amount]) => !isZero(amount)));
}

/** Return the parts that are not zero everywhere: charges in the order of the plan, the fee, the minimum. */
function partsOf({ months }: Costs, points: readonly CostPoint[]): Part[] {
  const used = new Set(points.flatMap(({ amounts }) => Object.keys(amounts)));
  const charges = new Map(months.flatMap((month) => month.charges.map((charge) => [charge.id, charge])));
  const drawn = [...charges.values()].filter(({ id }) => used.has(id));
  const colored = drawn.length <= MAX_COLORED ? drawn : largest(drawn, points);
  const colors = chargeColors(colored);
  const others = drawn.length - colored.length;
  return [
    ...colored.map(({ id, name }, index) => ({ id, label: name, color: colors[index] ?? "" })),
    ...(others > 0 ? [{ id: OTHERS, label: `${others} other charges`, color: "var(--cost-others)" }] : []),
    ...(used.has(FEE) ? [{ id: FEE, label: LINE_NAMES[FEE], color: "var(--cost-fee)" }] : []),
    ...(used.has(MINIMUM) ? [{ id: MINIMUM, label: LINE_NAMES[MINIMUM], color: "var(--cost-minimum)" }] : []),
  ];
}

/** Return the charges that are drawn largest, in the order of the plan. */
function largest(charges: readonly ChargeCost[], points: readonly CostPoint[]): readonly ChargeCost[] {
  const size = ({ id }: ChargeCost) =>
    points.reduce((sum, { amounts }) => sum + Math.abs(Number(amounts[id] ?? 0)), 0);
  const ranked = [...charges].sort((a, b) => size(b) - size(a)).slice(0, MAX_COLORED - 1);
  return charges.filter((charge) => ranked.includes(charge));
}

const FAMILY_COLORS: Readonly<Record<string, string>> = {
  voice_minutes: "var(--chart-voice)",
  voice_calls: "var(--chart-voice)",
  chat_minutes: "var(--chart-chat)",
  chat_sessions: "var(--chart-chat)",
};

/** Return a color for each charge: that of voice or chat for the first charge of its kind, else the next free one. */
function chargeColors(charges: readonly ChargeCost[]): string[] {
  const taken = new Set<string>();
  let free = 0;
  return charges.map(({ meter }) => {
    const family = FAMILY_COLORS[meter];
    if (family === undefined || taken.has(family)) return `var(--cost-${++free})`;
    taken.add(family);
    return family;
  });
}

/** Return the height of each part of a point. */
export function heightsOf({ amounts }: CostPoint, parts: readonly Part[]): Record<string, number> {
  const heights: Record<string, number> = Object.fromEntries(
    parts.filter(({ id }) => amounts[id] !== undefined).map(({ id }) => [id, Number(amounts[id])]),
  );
  if (parts.some(({ id }) => id === OTHERS)) {
    const others = Object.entries(amounts).filter(([id]) => !parts.some((part) => part.id === id));
    heights[OTHERS] = others.reduce((sum, [, amount]) => sum + Number(amount), 0);
  }
  return heights;
}

/** Return the days with a part below zero. */
export function negativeDays({ grain, points }: CostSeries): readonly Day[] {
  if (grain === "month") return [];
  return points.filter(({ amounts }) => Object.values(amounts).some(isNegative)).map(({ day }) => day);
}

/** How much higher than all other stacks a minimum charge may be drawn, so that those can still be compared. */
const MAX_MINIMUM = 4;

/** Return the parts that are not drawn until the reader selects them: a minimum charge that would dwarf all days. */
export function hiddenAtFirst({ grain, parts, points }: CostSeries): ReadonlySet<string> {
  const minimum = Math.max(...points.map(({ amounts }) => Number(amounts[MINIMUM] ?? 0)), 0);
  const others = parts.filter(({ id }) => id !== MINIMUM);
  const { high } = amountAxis(points.map((point) => heightsOf(point, others)));
  return new Set(grain === "day" && others.length > 0 && minimum > MAX_MINIMUM * high ? [MINIMUM] : []);
}

const MAX_STEPS = 5;

/** The ticks and ends of the amount axis. */
export interface AmountAxis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** Return an axis for stacked heights: it includes 0, its steps are 1, 2 or 5 times a power of ten, its top is a tick. */
export function amountAxis(stacks: readonly Readonly<Record<string, number>>[]): AmountAxis {
  const sum = (heights: Readonly<Record<string, number>>, sign: 1 | -1) =>
    Object.values(heights).reduce((total, height) => total + sign * Math.max(0, sign * height), 0);
  const top = Math.max(0, ...stacks.map((heights) => sum(heights, 1)));
  const low = Math.min(0, ...stacks.map((heights) => sum(heights, -1)));
  if (top === low) return { low: 0, high: 1, ticks: [0, 1] };
  const minStep = (top - low) / MAX_STEPS;
  const power = 10 ** Math.floor(Math.log10(minStep));
  const step = [1, 2, 5].map((factor) => factor * power).find((nice) => nice >= minStep) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.ceil(top / step - 1e-9);
  const tick = (index: number) => Number((index * step).toPrecision(12));
  return {
    low,
    high: tick(last),
    ticks: Array.from({ length: last - first + 1 }, (_, index) => tick(first + index)),
  };
}
