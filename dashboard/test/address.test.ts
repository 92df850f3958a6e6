// The address beside its range: options, lists of records and single records; any id survives it.

import { describe, expect, it } from "vitest";
import { type Spot, readPlace, writePlace } from "../src/range/address";
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
} from "../src/range/listing";
import { DEFAULT_OPTIONS, comparable } from "../src/range/options";

const TODAY = "2026-11-22";
const HOME: Spot = {
  ...DEFAULT_OPTIONS,
  organization: "acme",
  choice: "this-month",
  records: null,
  record: null,
};
const ODD = "a/b,c=d:e%2F ö&?#+\"'";

describe("a list of records", () => {
  it.each<[Listing, string]>([
    [conversations(), "conversation"],
    [conversations({ agent: "agent_x" }), "conversation:agent=agent_x"],
    [conversations({ agent: "" }), "conversation:agent="],
    [conversations({ modality: "voice", day: "2026-11-03" }), "conversation:day=2026-11-03,modality=voice"],
    [runs({ workflow: "w" }), "workflow_execution:workflow=w"],
    [items("phone_number"), "inventory:phone_number"],
    [items("phone_number", { shared: "true" }), "inventory:phone_number,shared=true"],
  ])("%j is %s and comes back", (listing, text) => {
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
  ])("'%s' is none", (text) => {
    expect(parseListing(text)).toBeNull();
  });

  it("holds any id", () => {
    const all: Filter = { agent: ODD, number: "+1 (312) 555", widget: ",", channel: "text" };
    expect(parseListing(formatListing(conversations(all)))).toEqual(conversations(all));
    expect(parseRecord(formatRecord({ kind: "agent", id: ODD }))).toEqual({ kind: "agent", id: ODD });
  });

  it.each(["", "conversation", "conversation:", "call:1", "conversation:%"])("'%s' is no record", (text) => {
    expect(parseRecord(text)).toBeNull();
  });
});

describe("the address", () => {
  it("leaves out what is the default", () => {
    expect(writePlace("", HOME)).toBe("?organization_id=acme");
  });

  it("gives back all that it was given", () => {
    const spot: Spot = {
      organization: "org/ä",
      choice: { from: "2026-01-02", to: "2026-03-04" },
      compare: "year",
      by: "workflow",
      order: "chat",
      records: conversations({ agent: ODD, day: "2026-01-02" }),
      record: { kind: "conversation", id: ODD },
    };
    expect(readPlace(writePlace("?other=1", spot), TODAY)).toEqual({ ...spot, wrong: null });
  });

  it("is readable", () => {
    const spot: Spot = { ...HOME, records: conversations({ day: "2026-11-03", agent: "agent_x" }) };
    expect(writePlace("", spot)).toBe(
      "?organization_id=acme&records=conversation:day=2026-11-03,agent=agent_x",
    );
  });

  it.each([
    ["compare=tomorrow", "The comparison in the address could not be read."],
    ["by=colour", "The tab in the address could not be read."],
    ["by=toString", "The tab in the address could not be read."],
    ["order=runs", "The order in the address could not be read."],
    ["records=everything", "The list of records in the address could not be read."],
    ["record=1", "The record in the address could not be read."],
  ])("with %s is the default, and says what was wrong", (query, sentence) => {
    const { wrong, ...spot } = readPlace(`?organization_id=acme&${query}`, TODAY);
    expect(wrong).toContain(sentence);
    expect(spot).toEqual(HOME);
    expect(writePlace(`?organization_id=acme&${query}`, spot)).toBe("?organization_id=acme");
  });

  it("names everything that was wrong", () => {
    const { wrong } = readPlace("?range=x&by=y&record=z", TODAY);
    expect(wrong?.match(/in the address/g)).toHaveLength(3);
  });
});

describe("a range", () => {
  it.each([
    ["2026-11-01", "2026-11-22", "previous", "previous"],
    ["2026-11-01", "2026-11-22", "none", "none"],
    ["2025-11-23", "2026-11-22", "year", "year"],
    ["2025-11-22", "2026-11-22", "year", "none"],
    ["2027-03-01", "2028-02-29", "year", "year"],
    ["1970-01-05", "1970-01-08", "previous", "previous"],
    ["1970-01-05", "1970-01-09", "previous", "none"],
    ["1970-12-31", "1970-12-31", "year", "none"],
  ] as const)("from %s to %s is compared with %s as %s", (from, to, wanted, possible) => {
    expect(comparable({ from, to }, wanted)).toBe(possible);
  });
});
