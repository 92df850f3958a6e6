// The words of the Budgets section. Pure functions.

import { type Budget, type BudgetAnswer, type Delivery } from "../api/budgets";
import { COLUMN_NOUNS, valueLabel } from "../breakdown/labels";
import { moneyOf, percent, quantity } from "../costs/money";
import { formats } from "../formats";
import { DIMENSION_LABELS, type Dimension, isKeyOf } from "../location/options";
import { type Day, addDays } from "../range/days";

type Attempt = Delivery["attempts"][number];

export const COST = "cost";
export const SILENCE = "silence";
export const INCLUDED = "included";
export const CHARGE = "charge:";

type Plural = readonly [string, string];

const CALLS: Plural = ["call", "calls"];
const SESSIONS: Plural = ["session", "sessions"];
const MINUTES: Plural = ["minute", "minutes"];
const RUNS: Plural = ["run", "runs"];
const CHARGE_UNITS: Readonly<Record<NonNullable<BudgetAnswer["charge"]>["unit"], Plural>> = {
  minute: MINUTES,
  call: CALLS,
  session: SESSIONS,
  run: RUNS,
  item: ["item", "items"],
};

/** The figures of the summary that can have a budget, with their names and units. */
export const FIGURES = {
  total_calls: { label: "Calls", unit: CALLS },
  voice_calls: { label: "Voice calls", unit: CALLS },
  chat_calls: { label: "Chat sessions", unit: SESSIONS },
  inbound_calls: { label: "Inbound calls", unit: CALLS },
  outbound_calls: { label: "Outbound calls", unit: CALLS },
  voice_minutes: { label: "Voice minutes", unit: MINUTES },
  chat_minutes: { label: "Chat minutes", unit: MINUTES },
  workflow_runs_total: { label: "Workflow runs", unit: RUNS },
  workflow_runs_success: { label: "Succeeded runs", unit: RUNS },
  workflow_runs_failed: { label: "Failed runs", unit: RUNS },
} as const satisfies Record<string, { label: string; unit: Plural }>;
export type Figure = keyof typeof FIGURES;

export const PERIOD_LABELS = { day: "Day", week: "Week, from Monday", month: "Month" } as const;

export function isFigure(metric: string): metric is Figure {
  return Object.hasOwn(FIGURES, metric);
}

/** Whether the metric counts workflow runs, which have no agents or numbers. */
export function countsRuns(metric: string): boolean {
  return metric.startsWith("workflow_runs");
}

/** Return the name of a metric; `charge` is the name of the charge, if it is known. */
export function metricLabel(metric: string, charge: string | null): string {
  if (isFigure(metric)) return FIGURES[metric].label;
  if (metric === COST) return "Cost";
  if (metric === SILENCE) return "Silence";
  return charge ?? metric.slice(CHARGE.length);
}

/** `Agent Reception`, `Without a number`; null without a filter. */
export function filterLabel(filter: Budget["filter"], name: string | null): string | null {
  const [by, value] = Object.entries(filter ?? {})[0] ?? [];
  if (by === undefined || value === undefined || !isKeyOf<Dimension>(DIMENSION_LABELS, by)) return null;
  const label = valueLabel(by, value === "" ? null : value, name);
  return value === "" ? label : `${COLUMN_NOUNS[by]} ${label}`;
}

/** What a budget limits: `Voice minutes, agent Reception`. */
export function subject({ budget, charge, filter_name: name }: BudgetAnswer): string {
  const filter = filterLabel(budget.filter, name);
  const metric = metricLabel(budget.metric, charge?.name ?? null);
  return filter === null ? metric : `${metric}, ${filter.charAt(0).toLowerCase()}${filter.slice(1)}`;
}

/** `8,312.50 of 12,000 minutes`, `$412.10 of $500.00`, `3 of 6 hours without an event`. */
export function usedOf(answer: BudgetAnswer, value: string, limit: string): string {
  return `${valueText(answer, value)} of ${limitText(answer, limit)}`;
}

export function valueText({ budget, currency }: BudgetAnswer, value: string): string {
  if (currency !== null) return moneyOf(currency, value).amount(value);
  return unitsOf(budget.metric) === MINUTES ? formats.minutes(Number(value)) : quantity(value);
}

export function limitText({ budget, charge, currency, current }: BudgetAnswer, limit: string): string {
  if (currency !== null) return moneyOf(currency, current.value ?? limit).amount(limit);
  if (budget.metric === SILENCE) return `${quantity(limit)} ${word(HOURS, limit)} without an event`;
  const units = charge === null ? unitsOf(budget.metric) : CHARGE_UNITS[charge.unit];
  return units === null ? quantity(limit) : `${quantity(limit)} ${word(units, limit)}`;
}

const HOURS: Plural = ["hour", "hours"];

function unitsOf(metric: string): Plural | null {
  return isFigure(metric) ? FIGURES[metric].unit : null;
}

/** Return the plural of what a limit counts: `minutes`; null: its currency, or unknown. */
export function limitUnit(
  metric: string,
  unit: NonNullable<BudgetAnswer["charge"]>["unit"] | null,
): string | null {
  if (metric === SILENCE) return HOURS[1];
  return (unit === null ? unitsOf(metric) : CHARGE_UNITS[unit])?.[1] ?? null;
}

function word([singular, plural]: Plural, amount: string): string {
  return amount === "1" ? singular : plural;
}

/** `83.4%` of a percentage like `83.4`. */
export function percentText(text: string | number): string {
  return percent(Number(text) / 100);
}

/** Why a budget has no value now. */
export function unknownText({ budget }: BudgetAnswer): string {
  return budget.metric === SILENCE
    ? "No event is expected at this time of the week."
    : "The plan of this period does not give this figure.";
}

export function isReached({ current }: BudgetAnswer): boolean {
  return current.percent !== null && Number(current.percent) >= 100;
}

/** Where the period is heading: `At this pace 100% on Nov 24`; null if the API has no forecast. */
export function paceText(answer: BudgetAnswer, today: Day): string | null {
  const { pace, current } = answer;
  if (pace === null) return null;
  const last = addDays(current.to, -1);
  const end = last === today ? "by the end of today" : `by ${formats.shortDay(last)}`;
  if (isReached(answer) || pace.reached_on === null)
    return `At this pace ${percentText(pace.percent)} ${end}`;
  return pace.reached_on === today
    ? "At this pace 100% today"
    : `At this pace 100% on ${formats.shortDay(pace.reached_on)}`;
}

/** `wh_1: delivered 10:02`, `wh_1: not delivered, status 500, next attempt 10:12`. */
export function deliveryText({ target, state, next_at: next, attempts }: Delivery, today: Day): string {
  const last = attempts.at(-1);
  const at = last === undefined ? "" : ` ${formats.shortInstant(Date.parse(last.at), today)}`;
  const tries = attempts.length > 1 ? ` after ${attempts.length} attempts` : "";
  if (state === "delivered") return `${target}: delivered${at}${tries}`;
  if (state === "dropped") {
    const reason =
      last?.error === "unconfirmed" ? "the address is not confirmed" : "it was deleted or disabled";
    return `${target}: not sent, because ${reason}`;
  }
  const problem =
    last === undefined || last.error === null ? "" : `, ${problemText(last.error, last.status)}`;
  if (state === "failed") return `${target}: not delivered${tries}${problem}`;
  const due = next === null ? "" : `, next attempt ${formats.shortInstant(Date.parse(next), today)}`;
  return `${target}: ${problem === "" ? "being sent" : `not delivered yet${problem}`}${due}`;
}

/** `Mar 10, 10:00, 12 ms: status 500`. */
export function attemptText({ at, duration_ms: ms, status, error }: Attempt, today: Day): string {
  const began = formats.shortInstant(Date.parse(at), today);
  if (ms === null) return `${began}: running, or interrupted`;
  return `${began}, ${formats.count(ms)} ms: ${error === null ? `status ${status ?? ""}` : problemText(error, status)}`;
}

function problemText(error: string, status: number | null): string {
  return status === null ? `error: ${error}` : `status ${status}`;
}

export interface Threshold {
  readonly percent: number;
  /** When it was reached in the current period, in milliseconds since 1970. */
  readonly reachedAt: number | null;
  /** It was reached, but later corrections have lowered the figure. */
  readonly lowered: boolean;
}

/** Return the thresholds of the current period, and those that an earlier version of the budget reached in it. */
export function thresholdsOf({ budget, current, crossings }: BudgetAnswer): readonly Threshold[] {
  const reached = new Map(
    crossings
      .filter(({ from, to }) => from === current.from && to === current.to)
      .map(({ threshold, at }) => [threshold, Date.parse(at)]),
  );
  return [...new Set([...budget.thresholds, ...reached.keys()])]
    .sort((one, other) => one - other)
    .map((threshold) => ({
      percent: threshold,
      reachedAt: reached.get(threshold) ?? null,
      lowered: reached.has(threshold) && current.percent !== null && Number(current.percent) < threshold,
    }));
}

/** Return budgets with those first that need attention: the highest percentage first, paused ones last. */
export function byUrgency(budgets: readonly BudgetAnswer[]): readonly BudgetAnswer[] {
  const rank = ({ budget, current }: BudgetAnswer) => (budget.enabled ? Number(current.percent ?? -1) : -2);
  return [...budgets].sort(
    (one, other) => rank(other) - rank(one) || one.budget.name.localeCompare(other.budget.name),
  );
}
