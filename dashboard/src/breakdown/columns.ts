// The columns of the breakdown: what each shows, what it sorts by, and the list that a figure opens. Pure functions.

import { type Breakdown, type BreakdownRow } from "../api/breakdown";
import { duration, type Formats } from "../formats";
import { type Filter, type Listing, conversations, runs } from "../location/listing";
import { type Dimension } from "../location/options";
import { type ChangeText, changeText } from "../usage/change";
import { COLUMN_NOUNS, valueLabel } from "./labels";
import { type BreakdownOrder } from "./query";

export type ColumnId =
  "name" | BreakdownOrder | "average" | "success" | "failed" | "cost" | "share" | "change" | "series";
type Figures = BreakdownRow | Breakdown["others"];

export interface FigureColumn {
  readonly id: ColumnId;
  readonly head: string;
  /** The figure that rows are sorted by. */
  readonly value: (row: Figures) => number;
  readonly text: (row: Figures, formats: Formats) => string;
  /** The list of the calls or runs behind the figure of a value. */
  readonly records: (by: Dimension, value: string) => Listing;
}

const calls = (more: Filter) => (by: Dimension, value: string) => conversations({ [by]: value, ...more });
const callFigure = (row: Figures, name: "total_calls" | "voice_minutes" | "chat_minutes") =>
  "total_calls" in row ? row[name] : 0;
const runFigure = (
  row: Figures,
  name: "workflow_runs_total" | "workflow_runs_success" | "workflow_runs_failed",
) => ("total_calls" in row ? 0 : row[name]);
const average = (row: Figures) => ("total_calls" in row ? row.avg_call_duration_sec : 0);

const CALL_COLUMNS: readonly FigureColumn[] = [
  {
    id: "calls",
    head: "Calls",
    value: (row) => callFigure(row, "total_calls"),
    text: (row, { count }) => count(callFigure(row, "total_calls")),
    records: calls({}),
  },
  {
    id: "voice",
    head: "Voice minutes",
    value: (row) => callFigure(row, "voice_minutes"),
    text: (row, { minutes }) => minutes(callFigure(row, "voice_minutes")),
    records: calls({ modality: "voice" }),
  },
  {
    id: "chat",
    head: "Chat minutes",
    value: (row) => callFigure(row, "chat_minutes"),
    text: (row, { minutes }) => minutes(callFigure(row, "chat_minutes")),
    records: calls({ modality: "chat" }),
  },
  {
    id: "average",
    head: "Average",
    value: average,
    text: (row) => duration(average(row)),
    records: calls({ has_duration: "true" }),
  },
];
const RUN_COLUMNS: readonly FigureColumn[] = [
  {
    id: "runs",
    head: "Runs",
    value: (row) => runFigure(row, "workflow_runs_total"),
    text: (row, { count }) => count(runFigure(row, "workflow_runs_total")),
    records: (_, workflow) => runs({ workflow }),
  },
  {
    id: "success",
    head: "Succeeded",
    value: (row) => runFigure(row, "workflow_runs_success"),
    text: (row, { count }) => count(runFigure(row, "workflow_runs_success")),
    records: (_, workflow) => runs({ workflow, status: "success" }),
  },
  {
    id: "failed",
    head: "Failed",
    value: (row) => runFigure(row, "workflow_runs_failed"),
    text: (row, { count }) => count(runFigure(row, "workflow_runs_failed")),
    records: (_, workflow) => runs({ workflow, status: "failed" }),
  },
];

export function figureColumns(by: Dimension): readonly FigureColumn[] {
  return by === "workflow" ? RUN_COLUMNS : CALL_COLUMNS;
}

/** Return the sortable columns with their heads. */
export function sortableColumns(
  by: Dimension,
  { compared, costed }: { compared: boolean; costed: boolean },
): readonly (readonly [ColumnId, string])[] {
  return [
    ["name", COLUMN_NOUNS[by]],
    ...figureColumns(by).map(({ id, head }) => [id, head] as const),
    ...(costed ? ([["cost", "Cost"]] as const) : []),
    ["share", "Share"],
    ...(compared ? ([["change", "Change"]] as const) : []),
  ];
}

/** The name of each order's figure in a row's comparison. */
const COMPARED_FIGURES: Readonly<Record<BreakdownOrder, string>> = {
  calls: "total_calls",
  voice: "voice_minutes",
  chat: "chat_minutes",
  runs: "workflow_runs_total",
};

export interface RowChange extends ChangeText {
  /** What rows are sorted by; infinite if there was nothing before. */
  readonly value: number;
}

/** Return the change of a row's figure; null without a comparison. */
export function rowChange(row: Figures, order: BreakdownOrder, formats: Formats): RowChange | null {
  const delta = row.comparison?.[COMPARED_FIGURES[order]];
  if (delta === undefined) return null;
  const format = order === "voice" || order === "chat" ? formats.minutes : formats.count;
  const value = delta.change_percent ?? (delta.change === 0 ? 0 : Infinity);
  return { ...changeText(delta, format, formats), value };
}

/** Return the rows whose name or id contains the text, in upper or lower case. */
export function matchingRows(
  rows: readonly BreakdownRow[],
  by: Dimension,
  search: string,
): readonly BreakdownRow[] {
  const text = search.trim().toLowerCase();
  if (text === "") return rows;
  return rows.filter(({ value, name }) =>
    [valueLabel(by, value, name), value ?? ""].some((part) => part.toLowerCase().includes(text)),
  );
}
