// Days, ranges and their URL form. They are the same in every time zone.

import { describe, expect, it } from "vitest";
import { DEFAULT_OPTIONS } from "../src/location/options";
import { type PageState, formatUrl, parseUrl } from "../src/location/url";
import { addDays, countDays, isDay, oneYearEarlier, utcDay } from "../src/range/days";
import {
  MAX_DAYS,
  PRESET_NAMES,
  adjacentRange,
  choiceOf,
  formatChoice,
  parseChoice,
  rangeBetween,
  rangeParameters,
  resolveRange,
  selectableDays,
} from "../src/range/range";

const TODAY = "2026-11-22";
const HOME: PageState = {
  ...DEFAULT_OPTIONS,
  organization: null,
  choice: "this-month",
  grain: null,
  filter: null,
  records: null,
  record: null,
};

describe("days", () => {
  it("are UTC days, also right before midnight", () => {
    expect(utcDay(Date.parse("2026-10-31T23:59:59.999Z"))).toBe("2026-10-31");
    expect(utcDay(Date.parse("2026-11-01T00:00:00Z"))).toBe("2026-11-01");
  });

  it("are calendar days", () => {
    expect(["2026-02-28", "2028-02-29"].every(isDay)).toBe(true);
    expect(["2026-02-29", "2026-13-01", "2026-1-1", "tomorrow", "", "2026-11-22T00:00:00Z"].some(isDay)).toBe(
      false,
    );
  });

  it("are consecutive across leap days and years", () => {
    let day = "2027-12-30";
    for (let step = 0; step < 1000; step += 1) {
      const next = addDays(day, 1);
      expect(addDays(next, -1)).toBe(day);
      expect(countDays(day, next)).toBe(2);
      day = next;
    }
    expect(day).toBe("2030-09-25");
  });

  it("have a date a year earlier; a leap day becomes the 28th", () => {
    expect(oneYearEarlier("2026-11-22")).toBe("2025-11-22");
    expect(oneYearEarlier("2028-02-29")).toBe("2027-02-28");
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
    expect(resolveRange(preset, TODAY)).toEqual({ from, to });
  });

  it("are never longer than the API allows", () => {
    for (let day = "2027-01-01"; day < "2029-01-02"; day = addDays(day, 1)) {
      for (const preset of PRESET_NAMES) {
        const { from, to } = resolveRange(preset, day);
        expect(countDays(from, to)).toBeGreaterThan(0);
        expect(countDays(from, to)).toBeLessThanOrEqual(MAX_DAYS);
      }
    }
  });
});

describe("the API parameters", () => {
  it("are half-open: `to` is the day after the last", () => {
    expect(rangeParameters({ from: "2026-11-01", to: "2026-11-30" })).toEqual({
      from: "2026-11-01T00:00:00Z",
      to: "2026-12-01T00:00:00Z",
    });
  });
});

describe("picking", () => {
  it("allows 365 days to either side, up to today", () => {
    expect(selectableDays("2025-06-01", TODAY)).toEqual({ from: "2024-06-01", to: "2026-06-01" });
    expect(selectableDays(TODAY, TODAY)).toEqual({ from: "2025-11-22", to: TODAY });
    expect(selectableDays("1970-01-05", TODAY).from).toBe("1970-01-01");
  });

  it("can start with the later day", () => {
    expect(rangeBetween("2026-11-05", "2026-11-01")).toEqual({ from: "2026-11-01", to: "2026-11-05" });
  });
});

describe("the URL", () => {
  it("round-trips every choice", () => {
    for (const choice of [...PRESET_NAMES, { from: "2026-01-02", to: "2026-03-04" }]) {
      expect(parseChoice(formatChoice(choice), TODAY)).toEqual({ choice });
      const state = { ...HOME, organization: "org/ä", choice };
      expect(parseUrl(formatUrl("?other=1", state), TODAY)).toEqual({ ...state, urlError: null });
    }
  });

  it.each([
    ["nonsense", "is invalid"],
    ["2026-11-01", "is invalid"],
    ["2026-11-01..2026-11-31", "is invalid"],
    ["2026-11-01..2026-11-02..2026-11-03", "is invalid"],
    ["", "is invalid"],
    ["2026-11-20..2026-11-01", "ends before it starts"],
    ["2023-11-01..2026-11-01", "longer than 366 days"],
    ["2026-11-01..2026-11-23", "ends after today"],
    ["1969-12-31..1970-01-03", "before 1970"],
  ])("'%s' falls back to the default and says why", (range, sentence) => {
    const location = parseUrl(`?range=${range}&other=1`, TODAY);
    expect(location.choice).toBe("this-month");
    expect(location.urlError).toContain(sentence);
    expect(formatUrl(`?range=${range}&other=1`, location)).toBe("?other=1");
  });

  it("allows exactly 366 days", () => {
    expect(parseChoice("2025-11-22..2026-11-22", TODAY)).toHaveProperty("choice");
    expect(parseChoice("2025-11-21..2026-11-22", TODAY)).toHaveProperty("error");
  });
});

describe("the period before and after", () => {
  const step = (from: string, to: string, direction: -1 | 1) => {
    const range = adjacentRange({ from, to }, TODAY, direction);
    return range === null ? null : formatChoice(choiceOf(range, TODAY));
  };

  it.each([
    ["2026-11-01", "2026-11-22", -1, "last-month"],
    ["2026-10-01", "2026-10-31", 1, "this-month"],
    ["2026-10-01", "2026-10-31", -1, "2026-09-01..2026-09-30"],
    ["2026-01-01", "2026-11-22", -1, "2025-01-01..2025-12-31"],
    ["2025-01-01", "2025-12-31", 1, "this-year"],
    ["2026-11-22", "2026-11-22", -1, "yesterday"],
    ["2026-11-16", "2026-11-22", -1, "2026-11-09..2026-11-15"],
    ["2026-11-09", "2026-11-15", 1, "last-7-days"],
    ["2026-11-10", "2026-11-19", 1, "2026-11-20..2026-11-22"],
    ["2026-11-01", "2026-11-22", 1, null],
    ["1970-01-01", "1970-01-31", -1, null],
  ] as const)("of %s to %s in direction %d is %s", (from, to, direction, choice) => {
    expect(step(from, to, direction)).toBe(choice);
  });
});
