// The page's address, pure: what of the page it names, and the address that names something else.

import { type Day } from "./days";
import {
  type Listing,
  type RecordKey,
  formatListing,
  formatRecord,
  parseListing,
  parseRecord,
} from "./listing";
import { COMPARES, DEFAULT_OPTIONS, ORDERS, type Options, TABS, isOneOf } from "./options";
import { type Choice, DEFAULT, formatChoice, parseChoice } from "./range";

/** Where the page is. */
export interface Spot extends Options {
  readonly organization: string | null;
  readonly choice: Choice;
  /** The list of records that lies over the page. */
  readonly records: Listing | null;
  /** The record whose history lies over the page. */
  readonly record: RecordKey | null;
}

export interface Place extends Spot {
  /** What was wrong with the address, where it was; the default is shown instead. */
  readonly wrong: string | null;
}

const ORGANIZATION = "organization_id";
const RANGE = "range";
const RECORDS = "records";
const RECORD = "record";
const OPTIONS = { compare: COMPARES, by: TABS, order: ORDERS } as const;
const INSTEAD = {
  compare: "The comparison in the address could not be read. The previous period is compared instead.",
  by: "The tab in the address could not be read. Agents are shown instead.",
  order: "The order in the address could not be read. Rows are in order of calls instead.",
} as const;
const NO_RECORDS = "The list of records in the address could not be read. It was left out.";
const NO_RECORD = "The record in the address could not be read. It was left out.";

export function readPlace(search: string, today: Day): Place {
  const parameters = new URLSearchParams(search);
  const wrong: string[] = [];
  const organization = parameters.get(ORGANIZATION) ?? "";
  const text = parameters.get(RANGE);
  const read = text === null ? { choice: DEFAULT } : parseChoice(text, today);
  if ("wrong" in read) wrong.push(`${read.wrong} The month to date is shown instead.`);
  const option = <Name extends keyof Options>(name: Name): Options[Name] => {
    const value = parameters.get(name);
    if (value === null) return DEFAULT_OPTIONS[name];
    if (isOneOf(OPTIONS[name] as Readonly<Record<Options[Name], string>>, value)) return value;
    wrong.push(INSTEAD[name]);
    return DEFAULT_OPTIONS[name];
  };
  const overlay = <Read>(name: string, parse: (text: string) => Read | null, sentence: string) => {
    const value = parameters.get(name);
    const found = value === null ? null : parse(value);
    if (value !== null && found === null) wrong.push(sentence);
    return found;
  };
  return {
    organization: organization === "" ? null : organization,
    choice: "choice" in read ? read.choice : DEFAULT,
    compare: option("compare"),
    by: option("by"),
    order: option("order"),
    records: overlay(RECORDS, parseListing, NO_RECORDS),
    record: overlay(RECORD, parseRecord, NO_RECORD),
    wrong: wrong.length === 0 ? null : wrong.join(" "),
  };
}

/** The query part that names a place; what else stands in the address stays. */
export function writePlace(search: string, spot: Spot): string {
  const parameters = new URLSearchParams(search);
  const put = (name: string, value: string | null) => {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  };
  put(ORGANIZATION, spot.organization);
  put(RANGE, spot.choice === DEFAULT ? null : formatChoice(spot.choice));
  for (const name of ["compare", "by", "order"] as const) {
    put(name, spot[name] === DEFAULT_OPTIONS[name] ? null : spot[name]);
  }
  parameters.delete(RECORDS);
  parameters.delete(RECORD);
  const parts = parameters.size === 0 ? [] : [parameters.toString()];
  if (spot.records !== null) parts.push(`${RECORDS}=${readable(formatListing(spot.records))}`);
  if (spot.record !== null) parts.push(`${RECORD}=${readable(formatRecord(spot.record))}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** The address of a screen; of a place only its organization goes along to another screen. */
export function addressOfScreen(path: string, organization: string | null): string {
  return organization === null
    ? path
    : `${path}?${new URLSearchParams({ [ORGANIZATION]: organization }).toString()}`;
}

/** Encoded for an address, but for the signs that may stand there as they are. */
function readable(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%3D", "=").replaceAll("%2C", ",");
}
