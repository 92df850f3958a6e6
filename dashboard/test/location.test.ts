// The URL: options, lists and records; any id survives the round trip.

import { describe, expect, it } from "vitest";
import {
  type Filter,
  type Listing,
  conversations,
  formatListing,
  formatRecord,
  items,
  parseListing,
  parseRecord,
  runs,
} from "../src/location/listing";
import { parseFilter } from "../src/location/filter";
import {
  DEFAULT_OPTIONS,
  type Grain,
  availableComparison,
  grainForRange,
  grainOf,
  offeredGrains,
} from "../src/location/options";
import { type PageState, formatUrl, parseUrl } from "../src/location/url";

const TODAY = "2026-11-22";
const HOME: PageState = {
  ...DEFAULT_OPTIONS,
  organization: "acme",
  choice: "this-month",
  grain: null,
  filter: null,
  records: null,
  record: null,
};
const ODD = "a/b,c=d:e%2F ö&?#+\"'";

describe("a list", () => {
  it.each<[Listing, string]>([
    [conversations(), "conversation"],
    [conversations({ agent: "agent_x" }), "conversation:agent=agent_x"],
    [conversations({ agent: "" }), "conversation:agent="],
    [conversations({ modality: "voice", day: "2026-11-03" }), "conversation:day=2026-11-03,modality=voice"],
    [runs({ workflow: "w" }), "workflow_execution:workflow=w"],
    [items("phone_number"), "inventory:phone_number"],
    [items("phone_number", { shared: "true" }), "inventory:phone_number,shared=true"],
  ])("%j is formatted as %s and parsed back", (listing, text) => {
    expect(formatListing(listing)).toBe(text);
    expect(parseListing(text)).toEqual(listing);
  });

  it.each([
    "",
    "nonsense",
    "agent",
    "inventory",
    "inventory:conversation",
    "conversation:colour=red",
    "conversation:agent",
    "conversation:workflow=w",
    "conversation:day=2026-11-31",
    "conversation:modality=fax",
    "conversation:live=yes",
    "conversation:agent=a,agent=b",
    "conversation:agent=%E0%A4%A",
    "workflow_execution:agent=a",
    "inventory:agent,shared=true",
  ])("'%s' is invalid", (text) => {
    expect(parseListing(text)).toBeNull();
  });

  it("can hold any id", () => {
    const filter: Filter = { agent: ODD, number: "+1 (312) 555", widget: ",", channel: "text" };
    expect(parseListing(formatListing(conversations(filter)))).toEqual(conversations(filter));
    expect(parseRecord(formatRecord({ kind: "agent", id: ODD }))).toEqual({ kind: "agent", id: ODD });
  });

  it.each(["", "conversation", "conversation:", "call:1", "conversation:%"])(
    "'%s' is not a record",
    (text) => {
      expect(parseRecord(text)).toBeNull();
    },
  );
});

describe("the URL", () => {
  it("leaves out defaults", () => {
    expect(formatUrl("", HOME)).toBe("?organization_id=acme");
  });

  it("round-trips every part of the state", () => {
    const state: PageState = {
      organization: "org/ä",
      choice: { from: "2026-01-02", to: "2026-03-04" },
      compare: "year",
      by: "workflow",
      order: "chat",
      split: "direction",
      grain: "month",
      filter: { by: "agent", value: ODD },
      records: conversations({ agent: ODD, day: "2026-01-02" }),
      record: { kind: "conversation", id: ODD },
    };
    expect(parseUrl(formatUrl("?other=1", state), TODAY)).toEqual({ ...state, urlError: null });
  });

  it("is readable", () => {
    const state: PageState = { ...HOME, records: conversations({ day: "2026-11-03", agent: "agent_x" }) };
    expect(formatUrl("", state)).toBe(
      "?organization_id=acme&records=conversation:day=2026-11-03,agent=agent_x",
    );
  });

  it.each([
    ["compare=tomorrow", "The comparison in the address is invalid."],
    ["by=colour", "The tab in the address is invalid."],
    ["by=toString", "The tab in the address is invalid."],
    ["order=runs", "The order in the address is invalid."],
    ["grain=minute", "The interval of the charts in the address is invalid"],
    ["filter=agent", "The filter in the address is invalid."],
    ["filter=colour:red", "The filter in the address is invalid."],
    ["filter=channel:fax", "The filter in the address is invalid."],
    ["split=charge", "The split of the costs in the address is invalid."],
    ["records=everything", "The list in the address is invalid"],
    ["record=1", "The record in the address is invalid"],
  ])("with %s falls back to the default and says what is invalid", (query, sentence) => {
    const { urlError, ...state } = parseUrl(`?organization_id=acme&${query}`, TODAY);
    expect(urlError).toContain(sentence);
    expect(state).toEqual(HOME);
    expect(formatUrl(`?organization_id=acme&${query}`, state)).toBe("?organization_id=acme");
  });

  it("names everything that is invalid", () => {
    const { urlError } = parseUrl("?range=x&by=y&record=z", TODAY);
    expect(urlError?.match(/in the address/g)).toHaveLength(3);
  });
});

describe("the filter", () => {
  it.each([
    ["agent:agent_x", "agent_x"],
    ["agent:", ""],
    ["agent:a:b", "a:b"],
  ])("'%s' selects the agent '%s'", (text, value) => {
    expect(parseFilter(text)).toEqual({ by: "agent", value });
  });

  it("is readable in the URL", () => {
    const url = formatUrl("", { ...HOME, filter: { by: "number", value: "+1 312" } });
    expect(url).toBe("?organization_id=acme&filter=number:%2B1%20312");
  });
});

describe("the grain", () => {
  const range = (to: string) => ({ from: "2026-01-01", to });

  it.each<[string, Grain[], Grain]>([
    ["2026-01-01", ["hour", "day"], "day"],
    ["2026-01-02", ["hour", "day"], "day"],
    ["2026-01-03", ["day"], "day"],
    ["2026-01-31", ["day", "week"], "day"],
    ["2026-04-02", ["day", "week", "month"], "day"],
    ["2026-04-03", ["day", "week", "month"], "week"],
  ])("up to %s can be %j and is %s by default", (to, offered, standard) => {
    expect(offeredGrains(range(to))).toEqual(offered);
    expect(grainOf(range(to), null)).toBe(standard);
  });

  it("falls back to the default if the range does not offer it", () => {
    expect(grainOf(range("2026-01-31"), "hour")).toBe("day");
    expect(grainOf(range("2026-12-31"), "month")).toBe("month");
  });

  it("becomes hours with a new range of one or two days and stays if the range offers it", () => {
    expect(grainForRange(range("2026-01-02"), "week")).toBe("hour");
    expect(grainForRange(range("2026-01-31"), "hour")).toBeNull();
    expect(grainForRange(range("2026-01-31"), "week")).toBe("week");
  });
});

describe("availableComparison", () => {
  it.each([
    ["2026-11-01", "2026-11-22", "previous", "previous"],
    ["2026-11-01", "2026-11-22", "none", "none"],
    ["2025-11-23", "2026-11-22", "year", "year"],
    ["2025-11-22", "2026-11-22", "year", "none"],
    ["2027-03-01", "2028-02-29", "year", "year"],
    ["1970-01-05", "1970-01-08", "previous", "previous"],
    ["1970-01-05", "1970-01-09", "previous", "none"],
    ["1970-12-31", "1970-12-31", "year", "none"],
  ] as const)("for %s to %s and %s is %s", (from, to, compare, available) => {
    expect(availableComparison({ from, to }, compare)).toBe(available);
  });
});
