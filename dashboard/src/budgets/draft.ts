// What a person types into the form of a budget, and the budget that it means. Pure functions.

import { type Budget, type BudgetVersion } from "../api/budgets";
import { type Dimension } from "../location/options";
import {
  CHARGE,
  COST,
  INCLUDED,
  PERIOD_LABELS,
  SILENCE,
  countsRuns,
  filterLabel,
  isFigure,
  metricLabel,
  percentText,
} from "./words";

export interface Draft {
  readonly name: string;
  readonly metric: string;
  /** The dimension of the filter; "" without one. */
  readonly by: string;
  readonly value: string;
  readonly period: Budget["period"];
  readonly limit: string;
  /** The limit is what the plan includes of the charge. */
  readonly included: boolean;
  readonly thresholds: string;
  /** The ids of the webhooks that get messages. */
  readonly webhooks: readonly string[];
  /** E-mail addresses with commas. */
  readonly emails: string;
  readonly enabled: boolean;
}

export type Field = "name" | "metric" | "filter" | "period" | "limit" | "thresholds" | "emails";

/** A field of the form has a value that cannot be sent. */
export class DraftError extends Error {
  readonly field: Field;

  constructor(field: Field, message: string) {
    super(message);
    this.field = field;
  }
}

const EMPTY: Draft = {
  name: "",
  metric: "voice_minutes",
  by: "",
  value: "",
  period: "month",
  limit: "",
  included: false,
  thresholds: "50, 80, 100",
  webhooks: [],
  emails: "",
  enabled: true,
};
const MAX_ID_NAME = 40;

export function draftOf(budget: Budget | null): Draft {
  if (budget === null) return EMPTY;
  const [by = "", value = ""] = Object.entries(budget.filter ?? {})[0] ?? [];
  const included = budget.limit === INCLUDED;
  return {
    name: budget.name,
    metric: budget.metric,
    by,
    value,
    period: budget.period,
    limit: included ? "" : budget.limit,
    included,
    thresholds: budget.thresholds.join(", "),
    webhooks: budget.webhooks,
    emails: budget.emails.join(", "),
    enabled: budget.enabled,
  };
}

/** Return the budget of a draft, with what the form does not show of the present one. Throws DraftError. */
export function budgetOf(draft: Draft, present: Budget | null): Budget {
  const isSilence = draft.metric === SILENCE;
  return {
    name: draft.name.trim(),
    metric: draft.metric,
    filter: filterOf(draft, present),
    period: isSilence ? "day" : draft.period,
    limit: canBeIncluded(draft) && draft.included ? INCLUDED : draft.limit.trim(),
    thresholds: isSilence ? [100] : readThresholds(draft.thresholds),
    webhooks: [...draft.webhooks],
    emails: draft.emails.split(/[\s,;]+/).filter((address) => address !== ""),
    enabled: draft.enabled,
  };
}

function filterOf({ metric, by, value }: Draft, present: Budget | null): Budget["filter"] {
  if (by === "" || !isFigure(metric)) return null;
  const filter = { [by]: value.trim() };
  // A budget of calls without an agent can be kept, but not made by leaving the field empty.
  if (filter[by] === "" && present?.filter?.[by] !== "") {
    throw new DraftError("filter", `Choose the ${by}, or budget all usage.`);
  }
  return filter;
}

function readThresholds(text: string): number[] {
  const parts = text.split(/[\s,;%]+/).filter((part) => part !== "");
  if (parts.length === 0 || parts.some((part) => !/^\d{1,6}$/.test(part))) {
    throw new DraftError("thresholds", "Write whole percents with commas, such as 50, 80, 100.");
  }
  return parts.map(Number);
}

export function canBeIncluded({ metric, period }: Draft): boolean {
  return metric.startsWith(CHARGE) && period === "month";
}

/** Return the dimensions that the figure of a metric can be filtered by. */
export function filtersOf(metric: string): readonly Dimension[] {
  if (!isFigure(metric)) return [];
  return countsRuns(metric) ? ["workflow"] : ["agent", "number", "widget", "channel"];
}

/** Return an id with the letters of the name and random ones, so that two people never choose the same. */
export function newId(name: string): string {
  const letters = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_ID_NAME)
    .replace(/^-+|-+$/g, "");
  const random = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) =>
    byte.toString(16).padStart(2, "0"),
  );
  return `${letters === "" ? "budget" : letters}-${random.join("")}`;
}

const FIELDS: readonly Field[] = ["name", "metric", "filter", "period", "limit", "thresholds", "emails"];
const FILTER_NAMES = ["agent", "number", "widget", "channel", "workflow"];

/** Return the field that a sentence of the server is about: it names it in quotes, or as `$.limit`; null if none. */
export function fieldOf(message: string): Field | null {
  if (/cannot have a filter|can be filtered by/.test(message)) return "filter";
  if (/limit 'included'|cannot be 'included'/.test(message)) return "limit";
  if (/no plan in this month|has no charge/.test(message)) return "metric";
  if (message.includes("period must be")) return "period";
  if (message.includes("e-mail")) return "emails";
  const name = /\$\.(\w+)/.exec(message)?.[1] ?? /^'(\w+)'/.exec(message)?.[1] ?? "";
  if (FILTER_NAMES.includes(name)) return "filter";
  return FIELDS.find((field) => field === name) ?? null;
}

/** Return what was changed meanwhile: a sentence for each field that differs. */
export function differences(known: Budget, present: BudgetVersion): readonly string[] {
  const [before, after] = [textsOf(known), textsOf(present.budget)];
  return Object.keys(after)
    .filter((label) => after[label] !== before[label])
    .map((label) => `${label}: ${after[label] ?? ""}, before ${before[label] ?? ""}`);
}

function textsOf(budget: Budget): Readonly<Record<string, string>> {
  return {
    Name: budget.name,
    Figure: budget.metric === COST ? "Cost" : metricLabel(budget.metric, null),
    Usage: filterLabel(budget.filter, null) ?? "all",
    Period: PERIOD_LABELS[budget.period],
    Limit: budget.limit === INCLUDED ? "what the plan includes" : budget.limit,
    Thresholds: budget.thresholds.map(percentText).join(", "),
    Webhooks: budget.webhooks.length === 0 ? "none" : budget.webhooks.join(", "),
    "E-mails": budget.emails.length === 0 ? "none" : budget.emails.join(", "),
    State: budget.enabled ? "active" : "paused",
  };
}
