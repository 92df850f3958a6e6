// The URL as page state: parses the query string and formats it. Pure functions.

import { type Day } from "../range/days";
import { DEFAULT_PRESET, type RangeChoice, formatChoice, parseChoice } from "../range/range";
import { type PageFilter, formatFilter, parseFilter } from "./filter";
import {
  type Listing,
  type RecordKey,
  formatListing,
  formatRecord,
  parseListing,
  parseRecord,
} from "./listing";
import {
  COMPARISON_LABELS,
  DEFAULT_OPTIONS,
  DIMENSION_LABELS,
  GRAIN_LABELS,
  type Grain,
  ORDER_LABELS,
  SPLIT_LABELS,
  type ViewOptions,
  isKeyOf,
} from "./options";

/** Everything that the URL stores. */
export interface PageState extends ViewOptions {
  readonly organization: string | null;
  readonly choice: RangeChoice;
  /** The chosen grain; null for the default of the range. */
  readonly grain: Grain | null;
  /** The filter of the whole page. */
  readonly filter: PageFilter | null;
  /** The list of records in the open drawer. */
  readonly records: Listing | null;
  /** The record whose history is in the open drawer. */
  readonly record: RecordKey | null;
}

export interface PageLocation extends PageState {
  /** Sentences that say what in the URL is invalid and what is shown instead. */
  readonly urlError: string | null;
}

export const USAGE_PATH = "/organization/usage";
export const CONNECTORS_PATH = "/organization/usage/connectors";
export const OPERATOR_PATH = "/operator";
const ORGANIZATION = "organization_id";
const RANGE = "range";
const GRAIN = "grain";
const FILTER = "filter";
const RECORDS = "records";
const RECORD = "record";
const OPTIONS = {
  compare: COMPARISON_LABELS,
  by: DIMENSION_LABELS,
  order: ORDER_LABELS,
  split: SPLIT_LABELS,
} as const;
const INVALID_OPTION = {
  compare: "The comparison in the address is invalid. Comparing with the previous period instead.",
  by: "The tab in the address is invalid. Showing agents instead.",
  order: "The order in the address is invalid. Showing calls instead.",
  split: "The split of the costs in the address is invalid. Splitting by agent instead.",
} as const;
const INVALID_GRAIN = "The interval of the charts in the address is invalid and was ignored.";
const INVALID_FILTER = "The filter in the address is invalid. Showing everything instead.";
const INVALID_RECORDS = "The list in the address is invalid and was ignored.";
const INVALID_RECORD = "The record in the address is invalid and was ignored.";

/** Parse a query string. Invalid parameters get their default and a sentence in `urlError`. */
export function parseUrl(search: string, today: Day): PageLocation {
  const parameters = new URLSearchParams(search);
  const errors: string[] = [];
  const organization = parameters.get(ORGANIZATION) ?? "";
  const text = parameters.get(RANGE);
  const range = text === null ? { choice: DEFAULT_PRESET } : parseChoice(text, today);
  if ("error" in range) errors.push(`${range.error} Showing month to date instead.`);
  const option = <Name extends keyof ViewOptions>(name: Name): ViewOptions[Name] => {
    const value = parameters.get(name);
    if (value === null) return DEFAULT_OPTIONS[name];
    if (isKeyOf(OPTIONS[name] as Readonly<Record<ViewOptions[Name], string>>, value)) return value;
    errors.push(INVALID_OPTION[name]);
    return DEFAULT_OPTIONS[name];
  };
  const optional = <Value>(name: string, parse: (text: string) => Value | null, error: string) => {
    const text = parameters.get(name);
    const value = text === null ? null : parse(text);
    if (text !== null && value === null) errors.push(error);
    return value;
  };
  return {
    organization: organization === "" ? null : organization,
    choice: "choice" in range ? range.choice : DEFAULT_PRESET,
    compare: option("compare"),
    by: option("by"),
    order: option("order"),
    split: option("split"),
    grain: optional(GRAIN, parseGrain, INVALID_GRAIN),
    filter: optional(FILTER, parseFilter, INVALID_FILTER),
    records: optional(RECORDS, parseListing, INVALID_RECORDS),
    record: optional(RECORD, parseRecord, INVALID_RECORD),
    urlError: errors.length === 0 ? null : errors.join(" "),
  };
}

/** Return the query string of a state. Defaults are left out; unrelated parameters of `search` are kept. */
export function formatUrl(search: string, state: PageState): string {
  const parameters = new URLSearchParams(search);
  const set = (name: string, value: string | null) => {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  };
  set(ORGANIZATION, state.organization);
  set(RANGE, state.choice === DEFAULT_PRESET ? null : formatChoice(state.choice));
  for (const name of ["compare", "by", "order", "split"] as const) {
    set(name, state[name] === DEFAULT_OPTIONS[name] ? null : state[name]);
  }
  set(GRAIN, state.grain);
  parameters.delete(FILTER);
  parameters.delete(RECORDS);
  parameters.delete(RECORD);
  const parts = parameters.size === 0 ? [] : [parameters.toString()];
  if (state.filter !== null) parts.push(`${FILTER}=${encodeReadable(formatFilter(state.filter))}`);
  if (state.records !== null) parts.push(`${RECORDS}=${encodeReadable(formatListing(state.records))}`);
  if (state.record !== null) parts.push(`${RECORD}=${encodeReadable(formatRecord(state.record))}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** Return the URL of a screen. Only the organization carries over, and not to the list of all organizations. */
export function screenUrl(path: string, organization: string | null): string {
  return organization === null || path === OPERATOR_PATH
    ? path
    : `${path}?${new URLSearchParams({ [ORGANIZATION]: organization }).toString()}`;
}

function parseGrain(text: string): Grain | null {
  return isKeyOf(GRAIN_LABELS, text) ? text : null;
}

/** Percent-encode, except for `:`, `=` and `,`, which a query string allows. */
function encodeReadable(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%3D", "=").replaceAll("%2C", ",");
}
