// The words of the Cost section. Pure functions.

import { type ChargeCost, type Costs, type MonthCosts } from "../api/costs";
import { DIMENSION_NOUNS, valueLabel } from "../breakdown/labels";
import { type Formats } from "../formats";
import { type CostSplit } from "../location/options";
import { type Day, addDays, firstOfMonth } from "../range/days";
import { quantity } from "./money";

export const FEE = "fee";
export const MINIMUM = "minimum";
export const LINE_NAMES = { [FEE]: "Monthly fee", [MINIMUM]: "Minimum charge" } as const;

const UNITS: Readonly<Record<ChargeCost["unit"], readonly [string, string]>> = {
  minute: ["minute", "minutes"],
  call: ["call", "calls"],
  session: ["session", "sessions"],
  run: ["run", "runs"],
  item: ["item", "items"],
};
const PER_CALL: Readonly<Record<ChargeCost["per_call"], string | null>> = {
  exact: null,
  "1/1": "Each call is rounded up to whole seconds",
  "6/6": "Each call is rounded up to steps of 6 seconds",
  "30/6": "Each call counts at least 30 seconds, then steps of 6 seconds",
  "60/60": "Each call is rounded up to whole minutes",
};
const DIRECTIONS: Readonly<Record<string, string>> = { inbound: "Inbound", outbound: "Outbound" };

/** `12,300 minutes` */
export function withUnit(text: string, unit: ChargeCost["unit"]): string {
  const [singular, plural] = UNITS[unit];
  return `${quantity(text)} ${text === "1" ? singular : plural}`;
}

/** Return how the quantity of a charge is counted, if that is not obvious. */
export function countingNotes(charge: ChargeCost, month: MonthCosts, formats: Formats): readonly string[] {
  const notes: string[] = [];
  const rule = PER_CALL[charge.per_call];
  if (rule !== null) notes.push(rule);
  if (charge.unit === "item") {
    const days = daysInMonth(month.month);
    notes.push(`${quantity(String(charge.base_quantity))} item-days ÷ ${days} days`);
  }
  if (charge.counted_from !== null) {
    notes.push(`Counted from ${formats.day(charge.counted_from)}; earlier days are not known`);
  }
  return notes;
}

export function daysInMonth(month: string): number {
  return Number(lastOfMonth(month).slice(8));
}

/** Return the last day of a month like `2026-11`. */
export function lastOfMonth(month: string): Day {
  return addDays(firstOfMonth(addDays(`${month}-01`, 31)), -1);
}

/** Whether a month is in the range from its first to its last day. */
export function isWhole({ month, from, to }: MonthCosts): boolean {
  return from === `${month}-01` && to > lastOfMonth(month);
}

/** `Plan smb, version 3` */
export function planName({ plan, version }: MonthCosts): string {
  return plan === null ? "No plan" : `Plan ${plan}, version ${version ?? 1}`;
}

/** Return the label of a split's value. */
export function splitLabel(by: CostSplit, value: string | null, name: string | null): string {
  if (by !== "direction") return valueLabel(by, value, name);
  return value === null ? "Without a direction" : (DIRECTIONS[value] ?? value);
}

export function splitNouns(by: CostSplit): readonly [string, string] {
  return by === "direction" ? ["direction", "directions"] : DIMENSION_NOUNS[by];
}

type Unallocated = NonNullable<Costs["unallocated"]>[number];

/** Return why a line is not split. */
export function reasonText({ id, reason }: Unallocated, by: CostSplit): string {
  if (reason === "too_many_records") {
    return "Splitting it would read more than 200,000 records; choose a shorter range";
  }
  if (reason === "records_deleted") return "Its calls are no longer stored, only their daily totals";
  if (id === FEE || id === MINIMUM) return "An amount of the whole month";
  return `Not counted by ${splitNouns(by)[0]}`;
}
