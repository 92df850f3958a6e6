// The figures that cards and charts show, from a summary or a series. Pure functions.

import { type Series } from "../api/series";
import { type Comparison, type Summary } from "../api/shapes";
import { type Grain } from "../location/options";
import { addDays } from "../range/days";

type Totals = Omit<Summary, "daily" | "comparison" | "last_event_at" | "from" | "to">;

/** The measures of a point. A filter leaves out those of calls or those of runs. */
export interface Measures {
  readonly calls?: number;
  readonly inbound_calls?: number;
  readonly outbound_calls?: number;
  readonly voice_minutes?: number;
  readonly chat_minutes?: number;
  readonly workflow_runs?: number;
  readonly workflow_runs_success?: number;
  readonly workflow_runs_failed?: number;
}

export type PointState = Summary["daily"][number]["state"];

/** The usage of one interval. */
export interface Point extends Measures {
  /** The beginning of the interval: a day, or a date-time for hours. It can be before the range. */
  readonly start: string;
  /** The part of the interval inside the range. */
  readonly from: string;
  readonly to: string;
  /** False if the range cuts the interval. */
  readonly whole: boolean;
  readonly state: PointState;
}

/** The usage of a part of the earlier period. */
export interface EarlierPart extends Measures {
  readonly from: string;
  readonly to: string;
}

export interface Figures {
  readonly from: string;
  readonly to: string;
  readonly grain: Grain;
  readonly filter: Series["filter"];
  /** Calls or runs are missing if the filter leaves them out. */
  readonly totals: Partial<Totals>;
  readonly comparison: Comparison | null;
  readonly points: readonly Point[];
  /** For each point, the same part of the earlier period; null without a comparison or after that period's end. */
  readonly earlier: readonly (EarlierPart | null)[];
}

export function figuresOfSummary(summary: Summary): Figures {
  const { daily, comparison, ...totals } = summary;
  const points = daily.map((point) => ({
    ...point,
    start: point.day,
    from: `${point.day}T00:00:00Z`,
    to: `${addDays(point.day, 1)}T00:00:00Z`,
    whole: true,
  }));
  const { from, to } = summary;
  return {
    from,
    to,
    grain: "day",
    filter: null,
    totals,
    comparison,
    points,
    earlier: comparison?.daily ?? [],
  };
}

export function figuresOfSeries(series: Series): Figures {
  const { from, to, interval, filter, comparison, points, then, ...totals } = series;
  return { from, to, grain: interval, filter, totals, comparison, points, earlier: then ?? [] };
}

/** Whether there was neither a call nor a workflow run. */
export function isEmpty({ totals }: Figures): boolean {
  return (totals.total_calls ?? 0) === 0 && (totals.workflow_runs_total ?? 0) === 0;
}
