// A list of records as the address has it, pure: `conversation:agent=a,day=2026-11-03`, `inventory:phone_number,shared=true`.
// Values are percent-encoded, so that any id survives.

import { isDay } from "./days";

export const RECORD_KINDS = ["conversation", "workflow_execution"] as const;
export const ITEM_KINDS = ["agent", "phone_number", "web_widget", "dataset"] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];
export type ItemKind = (typeof ITEM_KINDS)[number];

/** What a list may be narrowed by, in the order in which the address has it. */
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

/** Records of a range or items of the inventory, by the API's own names; an empty value means: has none. */
export interface Listing {
  readonly kind: RecordKind | ItemKind;
  readonly filter: Filter;
}

/** One record, whose history is shown. */
export interface RecordKey {
  readonly kind: RecordKind | ItemKind;
  readonly id: string;
}

const OF_KIND: Readonly<Record<RecordKind | ItemKind, readonly FilterName[]>> = {
  conversation: FILTERS.filter((name) => !["workflow", "shared", "active"].includes(name)),
  workflow_execution: ["day", "workflow", "status", "live"],
  agent: [],
  phone_number: ["shared"],
  web_widget: [],
  dataset: ["active"],
};
const FLAG = ["true", "false"];
const VALUES: Readonly<Partial<Record<FilterName, readonly string[]>>> = {
  channel: ["telephone", "webrtc", "email", "text"],
  modality: ["voice", "chat"],
  direction: ["inbound", "outbound"],
  has_duration: FLAG,
  live: FLAG,
  stale: FLAG,
  shared: FLAG,
  active: FLAG,
};
const INVENTORY = "inventory";

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

/** A list's filter as name and value, always in the same order. */
export function pairsOf({ filter }: Listing): readonly (readonly [FilterName, string])[] {
  return FILTERS.flatMap((name) => {
    const value = filter[name];
    return value === undefined ? [] : [[name, value] as const];
  });
}

export function formatListing(listing: Listing): string {
  const pairs = pairsOf(listing).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const [head, first] = isItemKind(listing.kind)
    ? [INVENTORY, [listing.kind, ...pairs]]
    : [listing.kind, pairs];
  return first.length === 0 ? head : `${head}:${first.join(",")}`;
}

/** Reads the address's text; null where it names no possible list. */
export function parseListing(text: string): Listing | null {
  const [head = "", rest = ""] = cut(text, ":");
  const parts = rest === "" ? [] : rest.split(",");
  const name = head === INVENTORY ? (parts.shift() ?? "") : head;
  const kinds: readonly (RecordKind | ItemKind)[] = head === INVENTORY ? ITEM_KINDS : RECORD_KINDS;
  const kind = kinds.find((one) => one === name);
  if (kind === undefined) return null;
  const filter: Partial<Record<FilterName, string>> = {};
  for (const part of parts) {
    const [key = "", encoded] = cut(part, "=");
    const known = OF_KIND[kind].find((one) => one === key);
    const value = encoded === undefined ? null : decoded(encoded);
    if (known === undefined || value === null || known in filter || !isPossible(known, value)) return null;
    filter[known] = value;
  }
  return { kind, filter };
}

export function formatRecord({ kind, id }: RecordKey): string {
  return `${kind}:${encodeURIComponent(id)}`;
}

export function parseRecord(text: string): RecordKey | null {
  const [name, encoded = ""] = cut(text, ":");
  const kind = [...RECORD_KINDS, ...ITEM_KINDS].find((one) => one === name);
  const id = decoded(encoded);
  return kind === undefined || id === null || id === "" ? null : { kind, id };
}

function isPossible(name: FilterName, value: string): boolean {
  if (name === "day") return isDay(value);
  return VALUES[name]?.includes(value) ?? true;
}

function cut(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
