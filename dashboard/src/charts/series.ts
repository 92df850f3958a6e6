// What a chart is made of, pure: one point per UTC day of the answer, and the ticks of its axes.

import { type DayPoint, type Summary } from "../api/shapes";
import { type Day } from "../range/days";
import { type Listing, conversations, runs } from "../range/listing";

export type Field = "voice_minutes" | "chat_minutes" | "calls" | "workflow_runs";

export interface Chart {
  readonly title: string;
  readonly kind: "line" | "bars";
  readonly field: Field;
  /** The card's figure, which the table ends with. */
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
    color: "var(--chart-runs)",
  },
];

/** The charts that a summary has: workflow runs only where there were any. */
export function chartsOf(summary: Summary): readonly Chart[] {
  return CHARTS.filter(({ field }) => field !== "workflow_runs" || summary.workflow_runs_total > 0);
}

/** The records that make a chart's value of a day. */
export function recordsOfDay({ field }: Chart, day: Day): Listing {
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

/** Why a day is marked, in words. */
export const MARKS = {
  "so-far": "so far",
  settling: "still settling",
  "no-data": "no events received",
  future: "not begun",
} as const;
export type Mark = keyof typeof MARKS;

function markOf({ day, state }: DayPoint, today: Day): Mark | null {
  if (state === "future") return "future";
  if (day === today) return "so-far";
  if (state === "settling") return "settling";
  return state === "no_data" ? "no-data" : null;
}

/** A day's mark behind its name; nothing where it has none. */
export function markWords({ mark }: Point): string {
  return mark === null ? "" : ` (${MARKS[mark]})`;
}

/** One day of a chart. */
export interface Point {
  readonly day: Day;
  readonly value: number;
  /** The day is not over yet: its value is "so far". */
  readonly partial: boolean;
  /** What is to be known of the day before its value is relied upon; null: nothing. */
  readonly mark: Mark | null;
  /** The solid line: null on the day that is not over. */
  readonly whole: number | null;
  /** The dashed line from the last whole day to the one that is not over; null elsewhere. */
  readonly soFar: number | null;
}

export function pointsOf(daily: readonly DayPoint[], field: Field, today: Day): readonly Point[] {
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
      whole: partial || mark === "future" ? null : value,
      soFar: partial || beforePartial ? value : null,
    };
  });
}

const MOST_STEPS = 5;

/** Ticks from 0 to at least the greatest value, in steps of 1, 2 or 5 times a power of ten; whole numbers for counts. */
export function valueTicks(values: readonly number[], whole: boolean): readonly number[] {
  const most = Math.max(0, ...values);
  if (most === 0) return [0, 1];
  const rough = most / MOST_STEPS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * (1 - 1e-9));
  const step = Math.max(nice ?? power, whole ? 1 : 0);
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

const MOST_DAY_TICKS = 92;

/** The days that may carry a label: every day of a short range, the first of each month of a long one. */
export function dayTicks(points: readonly Point[]): readonly Day[] {
  const days = points.map(({ day }) => day);
  return days.length <= MOST_DAY_TICKS ? days : days.filter((day) => day.endsWith("-01"));
}
