// Numbers, durations, days and instants as text.

import { expect, it } from "vitest";
import { duration, makeFormats } from "../src/formats";

it.each([
  [0, "0m 00s"],
  [0.4, "0m 00s"],
  [0.5, "0m 01s"],
  [59.5, "1m 00s"],
  [119.5, "2m 00s"],
  [120, "2m 00s"],
  [3723, "1h 02m 03s"],
  [3599.5, "1h 00m 00s"],
])("%d seconds are formatted as %s", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

it("numbers use the browser's locale, and minutes have two decimals", () => {
  expect(makeFormats(["en-US"]).minutes(1234.5)).toBe("1,234.50");
  expect(makeFormats(["de-DE", "en"]).minutes(1234.5)).toBe("1.234,50");
  expect(makeFormats(["de-DE"]).count(1234567)).toBe("1.234.567");
});

it("unsupported languages are ignored", () => {
  expect(makeFormats(["en-US@posix", "x"]).count(5)).toBe("5");
  expect(makeFormats([]).day("2026-11-22")).toContain("2026");
});

it("days are UTC and English, with the year if a day is outside this year", () => {
  const formats = makeFormats(["de-DE"]);
  expect(formats.range({ from: "2026-11-01", to: "2026-11-22" }, "2026-11-22")).toMatch(/^Nov 1\s–\s22$/u);
  expect(formats.range({ from: "2025-11-23", to: "2026-11-22" }, "2026-11-22")).toMatch(/2025.*2026/u);
  expect(formats.range({ from: "2025-11-23", to: "2025-11-23" }, "2026-11-22")).toBe("Nov 23, 2025");
  expect(makeFormats(["de", "en-GB"]).shortDay("2026-11-01")).toBe("1 Nov");
});

it("instants end with UTC", () => {
  expect(makeFormats(["en-US"]).instant(Date.parse("2026-11-22T00:05:00Z"))).toBe("Nov 22, 2026, 00:05 UTC");
});

it("recent instants say how long ago they were", () => {
  const formats = makeFormats(["en-US"]);
  const now = Date.parse("2026-11-22T14:30:00Z");
  const ago = (minutes: number) => formats.ago(now - minutes * 60_000, now);
  expect([ago(0), ago(-5), ago(2), ago(119), ago(24 * 60)]).toEqual([
    "just now",
    "just now",
    "2 min ago",
    "1 h ago",
    "on Nov 21",
  ]);
});
