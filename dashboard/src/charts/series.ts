// The data of a chart: its points, one per interval. Pure functions.

import { type Formats } from "../formats";
import { type PageFilter, filtersRuns } from "../location/filter";
import { type Filter, type Listing, conversations, runs } from "../location/listing";
import { type Grain } from "../location/options";
import { type Day, addDays, startOfDay, utcDay } from "../range/days";
import { type EarlierPart, type Figures, type Measures, type Point } from "../usage/figures";

/** A part of a stacked bar. */
export interface ChartPart {
  readonly label: string;
  readonly color: string;
  readonly value: (measures: Measures) => number;
}

export interface Chart {
  readonly title: (grain: Grain) => string;
  readonly kind: "line" | "bars";
  readonly field: "voice_minutes" | "chat_minutes" | "calls" | "workflow_runs";
  /** The total of the card, which is the last row of the table. */
  readonly total: "voice_minutes" | "chat_minutes" | "total_calls" | "workflow_runs_total";
  readonly unit: string;
  readonly color: string;
  /** From bottom to top. Empty for lines. */
  readonly parts: readonly ChartPart[];
}

export const CHARTS: readonly Chart[] = [
  {
    title: () => "Voice Minutes",
    kind: "line",
    field: "voice_minutes",
    total: "voice_minutes",
    unit: "minutes",
    color: "var(--chart-voice)",
    parts: [],
  },
  {
    title: () => "Chat Minutes",
    kind: "line",
    field: "chat_minutes",
    total: "chat_minutes",
    unit: "minutes",
    color: "var(--chart-chat)",
    parts: [],
  },
  {
    title: (grain) => `Calls per ${grain}`,
    kind: "bars",
    field: "calls",
    total: "total_calls",
    unit: "calls",
    color: "var(--chart-calls)",
    parts: [
      { label: "Inbound", color: "var(--chart-inbound)", value: ({ inbound_calls: calls = 0 }) => calls },
      { label: "Outbound", color: "var(--chart-outbound)", value: ({ outbound_calls: calls = 0 }) => calls },
    ],
  },
  {
    title: (grain) => `Workflow runs per ${grain}`,
    kind: "bars",
    field: "workflow_runs",
    total: "workflow_runs_total",
    unit: "runs",
    color: "var(--chart-succeeded)",
    parts: [
      {
        label: "Succeeded",
        color: "var(--chart-succeeded)",
        value: ({ workflow_runs_success: succeeded = 0 }) => succeeded,
      },
      { label: "Other", color: "var(--chart-other)", value: otherRuns },
      {
        label: "Failed",
        color: "var(--chart-failed)",
        value: ({ workflow_runs_failed: failed = 0 }) => failed,
      },
    ],
  },
];

/** Runs that are running, waiting or cancelled. */
function otherRuns({
  workflow_runs: all = 0,
  workflow_runs_success: succeeded = 0,
  workflow_runs_failed: failed = 0,
}: Measures) {
  return all - succeeded - failed;
}

/** Return the charts of the figures. Workflow runs have one only if there were any. */
export function chartsOf({ totals }: Figures): readonly Chart[] {
  return CHARTS.filter(({ field, total }) =>
    field === "workflow_runs" ? (totals.workflow_runs_total ?? 0) > 0 : totals[total] !== undefined,
  );
}

/** Return the totals of a chart's parts. */
export function partTotals({ parts }: Chart, { totals }: Figures): readonly number[] {
  const { workflow_runs_total: runs = 0 } = totals;
  return parts.map((part) => part.value({ ...totals, workflow_runs: runs }));
}

/** Return the list of calls or runs behind a chart's value of a day. */
export function recordsOnDay({ field }: Chart, day: Day, filter: PageFilter | null): Listing {
  const own: Filter = filter === null ? {} : { [filter.by]: filter.value };
  switch (field) {
    case "voice_minutes":
      return conversations({ ...own, day, modality: "voice" });
    case "chat_minutes":
      return conversations({ ...own, day, modality: "chat" });
    case "calls":
      return conversations({ ...own, day });
    case "workflow_runs":
      return runs(filter === null || filtersRuns(filter) ? { ...own, day } : { day });
  }
}

/** Marks of intervals that are not final. */
export const MARK_LABELS = {
  "so-far": "so far",
  settling: "may still change",
  "no-data": "no data received",
  future: "not started",
} as const;
export type DayMark = keyof typeof MARK_LABELS;

function markOf({ from, to, state }: Point, now: number): DayMark | null {
  if (state === "future" || Date.parse(from) > now) return "future";
  if (now < Date.parse(to)) return "so-far";
  if (state === "settling") return "settling";
  return state === "no_data" ? "no-data" : null;
}

/** Return the mark as a suffix to the interval, or an empty string. */
export function markSuffix({ mark }: ChartPoint): string {
  return mark === null ? "" : ` (${MARK_LABELS[mark]})`;
}

/** One interval of a chart. */
export interface ChartPoint {
  /** Where the interval begins: the key of the axis. */
  readonly start: string;
  readonly label: string;
  /** Its first and last day inside the range. */
  readonly from: Day;
  readonly to: Day;
  readonly value: number;
  /** The values of the chart's parts. */
  readonly parts: readonly number[];
  /** The value of the same part of the earlier period; null if there is none. */
  readonly earlier: number | null;
  readonly earlierLabel: string;
  /** The interval that is not over. */
  readonly partial: boolean;
  /** Null for a final interval. */
  readonly mark: DayMark | null;
  /** It may still change and has a ring. Many rings would hide the chart, so then none has one. */
  readonly ringed: boolean;
  /** The solid line: null for the interval that is not over, and for a gap. */
  readonly complete: number | null;
  /** The dashed line: the values of the interval that is not over and of the one before it, else null. */
  readonly soFar: number | null;
}

const MAX_RINGS = 8;

export function chartPoints(
  figures: Figures,
  chart: Chart,
  now: number,
  formats: Formats,
): readonly ChartPoint[] {
  const { points, earlier, grain } = figures;
  const marks = points.map((point) => markOf(point, now));
  const settling = marks.filter((mark) => mark === "settling").length;
  return points.map((point, index) => {
    const value = point[chart.field] ?? 0;
    const mark = marks[index] ?? null;
    const partial = mark === "so-far";
    const gap = mark === "future" || mark === "no-data";
    const then = earlier[index] ?? null;
    return {
      start: point.start,
      label: intervalLabel(point, grain, formats),
      from: point.from.slice(0, 10),
      to: lastDay(point.to),
      value,
      parts: chart.parts.map((part) => part.value(point)),
      earlier: then === null ? null : (then[chart.field] ?? null),
      earlierLabel: then === null ? "" : earlierLabel(then, grain, formats),
      partial,
      mark,
      ringed: mark === "settling" && settling <= MAX_RINGS,
      complete: partial || gap ? null : value,
      soFar: partial || (marks[index + 1] === "so-far" && !gap) ? value : null,
    };
  });
}

/** `Sun, Nov 22, 2026`; `Sun, Nov 22, 14:00 – 15:00`; the days of a week or of a part of a month; `Nov 2026`. */
export function intervalLabel(point: Point, grain: Grain, formats: Formats): string {
  const from = Date.parse(point.from);
  switch (grain) {
    case "hour":
      return `${formats.weekday(utcDay(from))}, ${formats.hour(from)} – ${formats.hour(Date.parse(point.to))}`;
    case "day":
      return formats.day(utcDay(from));
    case "week":
      return formats.days({ from: utcDay(from), to: lastDay(point.to) });
    case "month":
      return point.whole
        ? formats.month(utcDay(from), true)
        : formats.days({ from: utcDay(from), to: lastDay(point.to) });
  }
}

function earlierLabel({ from, to }: EarlierPart, grain: Grain, formats: Formats): string {
  const start = Date.parse(from);
  if (grain === "hour") return `${formats.weekday(utcDay(start))}, ${formats.hour(start)}`;
  const days = { from: utcDay(start), to: lastDay(to) };
  return days.from === days.to ? formats.weekday(days.from) : formats.days(days);
}

/** Return the last day before an instant. */
function lastDay(to: string): Day {
  return utcDay(Date.parse(to) - 1);
}

/** Whether a day is a Saturday or a Sunday. */
export function isWeekend(day: Day): boolean {
  const weekday = new Date(startOfDay(day)).getUTCDay();
  return weekday === 0 || weekday === 6;
}

/** Whether the day before belongs to the same weekend. */
export function followsWeekendDay(day: Day): boolean {
  return isWeekend(day) && isWeekend(addDays(day, -1));
}
