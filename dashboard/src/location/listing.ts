// Lists of records and their form in the URL: `conversation:agent=a,day=2026-11-03`, `inventory:phone_number,shared=true`.
// Values are percent-encoded, so any id can be used. Pure functions.

import { isDay } from "../range/days";

export const RECORD_KINDS = ["conversation", "workflow_execution"] as const;
export const ITEM_KINDS = ["agent", "phone_number", "web_widget", "dataset"] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];
export type ItemKind = (typeof ITEM_KINDS)[number];

/** The possible filters of a list, in their order in the URL. */
const FILTERS = [
  "day",
  "agent",
  "number",
  "widget",
  "channel",
  "modality",
  "direction",
  "workflow",
  "status",
  "has_duration",
  "live",
  "stale",
  "shared",
  "active",
] as const;
export type FilterName = (typeof FILTERS)[number];
export type Filter = Readonly<Partial<Record<FilterName, string>>>;

/** A filtered list of records or inventory items, in the API's names. An empty value selects records without one. */
export interface Listing {
  readonly kind: RecordKind | ItemKind;
  readonly filter: Filter;
}

/** Identifies one record. */
export interface RecordKey {
  readonly kind: RecordKind | ItemKind;
  readonly id: string;
}

/** Singular and plural of each kind. */
export const KIND_LABELS: Readonly<Record<RecordKind | ItemKind, readonly [string, string]>> = {
  conversation: ["call", "calls"],
  workflow_execution: ["workflow run", "workflow runs"],
  agent: ["agent", "agents"],
  phone_number: ["phone number", "phone numbers"],
  web_widget: ["chat widget", "chat widgets"],
  dataset: ["knowledge base", "knowledge bases"],
};

const FILTERS_BY_KIND: Readonly<Record<RecordKind | ItemKind, readonly FilterName[]>> = {
  conversation: FILTERS.filter((name) => !["workflow", "shared", "active"].includes(name)),
  workflow_execution: ["day", "workflow", "status", "live"],
  agent: [],
  phone_number: ["shared"],
  web_widget: [],
  dataset: ["active"],
};
export const CHANNELS: readonly string[] = ["telephone", "webrtc", "email", "text"];
const BOOLEAN = ["true", "false"];
const ALLOWED_VALUES: Readonly<Partial<Record<FilterName, readonly string[]>>> = {
  channel: CHANNELS,
  modality: ["voice", "chat"],
  direction: ["inbound", "outbound"],
  has_duration: BOOLEAN,
  live: BOOLEAN,
  stale: BOOLEAN,
  shared: BOOLEAN,
  active: BOOLEAN,
};
const INVENTORY = "inventory";

/** Whether the kind is an inventory item, and not a call or run. */
export function isItemKind(kind: RecordKind | ItemKind): kind is ItemKind {
  return ITEM_KINDS.some((item) => item === kind);
}

export function conversations(filter: Filter = {}): Listing {
  return { kind: "conversation", filter };
}

export function runs(filter: Filter = {}): Listing {
  return { kind: "workflow_execution", filter };
}

export function items(kind: ItemKind, filter: Filter = {}): Listing {
  return { kind, filter };
}

/** Return the accessible name of a link to a list: its text and what it opens. */
export function listLinkName(text: string, { kind }: Listing): string {
  return `${text}, show ${KIND_LABELS[kind][1]}`;
}

/** Return the filter as (name, value) pairs in a fixed order. */
export function filterPairs({ filter }: Listing): readonly (readonly [FilterName, string])[] {
  return FILTERS.flatMap((name) => {
    const value = filter[name];
    return value === undefined ? [] : [[name, value] as const];
  });
}

export function formatListing(listing: Listing): string {
  const pairs = filterPairs(listing).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const [head, parts] = isItemKind(listing.kind)
    ? [INVENTORY, [listing.kind, ...pairs]]
    : [listing.kind, pairs];
  return parts.length === 0 ? head : `${head}:${parts.join(",")}`;
}

/** Parse a list; null if the text is invalid. */
export function parseListing(text: string): Listing | null {
  const [head = "", rest = ""] = splitOnce(text, ":");
  const parts = rest === "" ? [] : rest.split(",");
  const name = head === INVENTORY ? (parts.shift() ?? "") : head;
  const kinds: readonly (RecordKind | ItemKind)[] = head === INVENTORY ? ITEM_KINDS : RECORD_KINDS;
  const kind = kinds.find((known) => known === name);
  if (kind === undefined) return null;
  const filter: Partial<Record<FilterName, string>> = {};
  for (const part of parts) {
    const [key = "", encoded] = splitOnce(part, "=");
    const filterName = FILTERS_BY_KIND[kind].find((known) => known === key);
    const value = encoded === undefined ? null : decodeOrNull(encoded);
    if (filterName === undefined || value === null || filterName in filter) return null;
    if (!isAllowedValue(filterName, value)) return null;
    filter[filterName] = value;
  }
  return { kind, filter };
}

export function formatRecord({ kind, id }: RecordKey): string {
  return `${kind}:${encodeURIComponent(id)}`;
}

/** Parse a record key; null if the text is invalid. */
export function parseRecord(text: string): RecordKey | null {
  const [name, encoded = ""] = splitOnce(text, ":");
  const kind = [...RECORD_KINDS, ...ITEM_KINDS].find((known) => known === name);
  const id = decodeOrNull(encoded);
  return kind === undefined || id === null || id === "" ? null : { kind, id };
}

function isAllowedValue(name: FilterName, value: string): boolean {
  if (name === "day") return isDay(value);
  return ALLOWED_VALUES[name]?.includes(value) ?? true;
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decodeOrNull(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
