// The data of a chart: its points, one per UTC day, and the ticks of its axes. Pure functions.

import { type DayPoint, type Summary } from "../api/shapes";
import { type Listing, conversations, runs } from "../location/listing";
import { type Day } from "../range/days";

export type DailyField = "voice_minutes" | "chat_minutes" | "calls" | "workflow_runs";

export interface Chart {
  readonly title: string;
  readonly kind: "line" | "bars";
  readonly field: DailyField;
  /** The summary field of the card, which is the last row of the table. */
  readonly total: "voice_minutes" | "chat_minutes" | "total_calls" | "workflow_runs_total";
  readonly unit: string;
  readonly color: string;
}

export const CHARTS: readonly Chart[] = [
  {
    title: "Voice Minutes",
    kind: "line",
    field: "voice_minutes",
    total: "voice_minutes",
    unit: "minutes",
    color: "var(--chart-voice)",
  },
  {
    title: "Chat Minutes",
    kind: "line",
    field: "chat_minutes",
    total: "chat_minutes",
    unit: "minutes",
    color: "var(--chart-chat)",
  },
  {
    title: "Calls per day",
    kind: "bars",
    field: "calls",
    total: "total_calls",
    unit: "calls",
    color: "var(--chart-calls)",
  },
  {
    title: "Workflow runs per day",
    kind: "bars",
    field: "workflow_runs",
    total: "workflow_runs_total",
    unit: "runs",
    color: "var(--chart-succeeded)",
  },
];

/** Return the charts of a summary. Workflow runs have one only if there were any. */
export function chartsOf(summary: Summary): readonly Chart[] {
  return CHARTS.filter(({ field }) => field !== "workflow_runs" || summary.workflow_runs_total > 0);
}

/** Return the list of calls or runs behind a chart's value of a day. */
export function recordsOnDay({ field }: Chart, day: Day): Listing {
  switch (field) {
    case "voice_minutes":
      return conversations({ day, modality: "voice" });
    case "chat_minutes":
      return conversations({ day, modality: "chat" });
    case "calls":
      return conversations({ day });
    case "workflow_runs":
      return runs({ day });
  }
}

/** Marks of days that are not final. */
export const MARK_LABELS = {
  "so-far": "so far",
  settling: "may still change",
  "no-data": "no data received",
  future: "not started",
} as const;
export type DayMark = keyof typeof MARK_LABELS;

function markOf({ day, state }: DayPoint, today: Day): DayMark | null {
  if (state === "future") return "future";
  if (day === today) return "so-far";
  if (state === "settling") return "settling";
  return state === "no_data" ? "no-data" : null;
}

/** Return the mark as a suffix to the day, or an empty string. */
export function markSuffix({ mark }: ChartPoint): string {
  return mark === null ? "" : ` (${MARK_LABELS[mark]})`;
}

/** One day of a chart. */
export interface ChartPoint {
  readonly day: Day;
  readonly value: number;
  /** True for today, which is not over. */
  readonly partial: boolean;
  /** Null for a final day. */
  readonly mark: DayMark | null;
  /** The solid line: null for today. */
  readonly complete: number | null;
  /** The dashed line: the values of yesterday and today, else null. */
  readonly soFar: number | null;
}

export function chartPoints(
  daily: readonly DayPoint[],
  field: DailyField,
  today: Day,
): readonly ChartPoint[] {
  return daily.map((point, index) => {
    const value = point[field];
    const mark = markOf(point, today);
    const partial = mark === "so-far";
    const beforePartial = daily[index + 1]?.day === today;
    return {
      day: point.day,
      value,
      partial,
      mark,
      complete: partial || mark === "future" ? null : value,
      soFar: partial || beforePartial ? value : null,
    };
  });
}

const MAX_STEPS = 5;

/** Return ticks from 0 to at least the largest value, in steps of 1, 2 or 5 times a power of ten. */
export function valueTicks(values: readonly number[], integers: boolean): readonly number[] {
  const max = Math.max(0, ...values);
  if (max === 0) return [0, 1];
  const minStep = max / MAX_STEPS;
  const power = 10 ** Math.floor(Math.log10(minStep));
  const nice = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= minStep * (1 - 1e-9));
  const step = Math.max(nice ?? power, integers ? 1 : 0);
  const steps = Math.ceil(max / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

const MAX_DAY_TICKS = 92;

/** Return the days that may have a label: all days of a short range, the first of each month of a long one. */
export function dayTicks(points: readonly ChartPoint[]): readonly Day[] {
  const days = points.map(({ day }) => day);
  return days.length <= MAX_DAY_TICKS ? days : days.filter((day) => day.endsWith("-01"));
}
