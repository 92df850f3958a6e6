// Days, ranges and addresses: pure, in every zone of the world the same.

import { describe, expect, it } from "vitest";
import { type Spot, readPlace, writePlace } from "../src/range/address";
import { addDays, dayAt, daysIncluded, isDay, yearBefore } from "../src/range/days";
import { DEFAULT_OPTIONS } from "../src/range/options";
import {
  LONGEST_DAYS,
  PRESET_NAMES,
  formatChoice,
  parseChoice,
  queryOf,
  rangeOf,
  reachable,
  resolve,
} from "../src/range/range";

const TODAY = "2026-11-22";
const HOME: Spot = {
  ...DEFAULT_OPTIONS,
  organization: null,
  choice: "this-month",
  records: null,
  record: null,
};

describe("days", () => {
  it("are those of UTC, one millisecond before midnight and at midnight", () => {
    expect(dayAt(Date.parse("2026-10-31T23:59:59.999Z"))).toBe("2026-10-31");
    expect(dayAt(Date.parse("2026-11-01T00:00:00Z"))).toBe("2026-11-01");
  });

  it("are of the calendar", () => {
    expect(["2026-02-28", "2028-02-29"].every(isDay)).toBe(true);
    expect(["2026-02-29", "2026-13-01", "2026-1-1", "tomorrow", "", "2026-11-22T00:00:00Z"].some(isDay)).toBe(
      false,
    );
  });

  it("follow each other without a gap over leap days and years", () => {
    let day = "2027-12-30";
    for (let step = 0; step < 1000; step += 1) {
      const next = addDays(day, 1);
      expect(addDays(next, -1)).toBe(day);
      expect(daysIncluded(day, next)).toBe(2);
      day = next;
    }
    expect(day).toBe("2030-09-25");
  });

  it("have a year before, the 28th for a leap day", () => {
    expect(yearBefore("2026-11-22")).toBe("2025-11-22");
    expect(yearBefore("2028-02-29")).toBe("2027-02-28");
  });
});

describe("presets", () => {
  it.each([
    ["this-month", "2026-11-01", "2026-11-22"],
    ["today", "2026-11-22", "2026-11-22"],
    ["yesterday", "2026-11-21", "2026-11-21"],
    ["last-7-days", "2026-11-16", "2026-11-22"],
    ["last-30-days", "2026-10-24", "2026-11-22"],
    ["last-90-days", "2026-08-25", "2026-11-22"],
    ["last-month", "2026-10-01", "2026-10-31"],
    ["this-year", "2026-01-01", "2026-11-22"],
    ["last-12-months", "2025-11-23", "2026-11-22"],
  ] as const)("%s is %s to %s", (preset, from, to) => {
    expect(resolve(preset, TODAY)).toEqual({ from, to });
  });

  it("are never longer than the API takes, whatever the day", () => {
    for (let day = "2027-01-01"; day < "2029-01-02"; day = addDays(day, 1)) {
      for (const preset of PRESET_NAMES) {
        const { from, to } = resolve(preset, day);
        expect(daysIncluded(from, to)).toBeGreaterThan(0);
        expect(daysIncluded(from, to)).toBeLessThanOrEqual(LONGEST_DAYS);
      }
    }
  });
});

describe("the query", () => {
  it("is half open: the day after the last is excluded", () => {
    expect(queryOf({ from: "2026-11-01", to: "2026-11-30" })).toEqual({
      from: "2026-11-01T00:00:00Z",
      to: "2026-12-01T00:00:00Z",
    });
  });
});

describe("picking", () => {
  it("reaches 365 days to either side, and not beyond today", () => {
    expect(reachable("2025-06-01", TODAY)).toEqual({ from: "2024-06-01", to: "2026-06-01" });
    expect(reachable(TODAY, TODAY)).toEqual({ from: "2025-11-22", to: TODAY });
    expect(reachable("1970-01-05", TODAY).from).toBe("1970-01-01");
  });

  it("may go backwards", () => {
    expect(rangeOf("2026-11-05", "2026-11-01")).toEqual({ from: "2026-11-01", to: "2026-11-05" });
  });
});

describe("the address", () => {
  it("gives every choice back", () => {
    for (const choice of [...PRESET_NAMES, { from: "2026-01-02", to: "2026-03-04" }]) {
      expect(parseChoice(formatChoice(choice), TODAY)).toEqual({ choice });
      const spot = { ...HOME, organization: "org/ä", choice };
      expect(readPlace(writePlace("?other=1", spot), TODAY)).toEqual({ ...spot, wrong: null });
    }
  });

  it.each([
    ["nonsense", "could not be read"],
    ["2026-11-01", "could not be read"],
    ["2026-11-01..2026-11-31", "could not be read"],
    ["2026-11-01..2026-11-02..2026-11-03", "could not be read"],
    ["", "could not be read"],
    ["2026-11-20..2026-11-01", "ends before it begins"],
    ["2023-11-01..2026-11-01", "longer than 366 days"],
    ["2026-11-01..2026-11-23", "ends after today"],
    ["1969-12-31..1970-01-03", "before 1970"],
  ])("'%s' is the default, and says what was wrong", (range, sentence) => {
    const place = readPlace(`?range=${range}&other=1`, TODAY);
    expect(place.choice).toBe("this-month");
    expect(place.wrong).toContain(sentence);
    expect(writePlace(`?range=${range}&other=1`, place)).toBe("?other=1");
  });

  it("takes exactly 366 days", () => {
    expect(parseChoice("2025-11-22..2026-11-22", TODAY)).toHaveProperty("choice");
    expect(parseChoice("2025-11-21..2026-11-22", TODAY)).toHaveProperty("wrong");
  });
});
