// Chart data: points, marks, labels and ticks.

import { describe, expect, it } from "vitest";
import { CHARTS, chartPoints, markSuffix, recordsOnDay } from "../src/charts/series";
import { startLabel, startTicks, valueTicks } from "../src/charts/ticks";
import { makeFormats } from "../src/formats";
import { formatListing } from "../src/location/listing";
import { type Grain } from "../src/location/options";
import { addDays } from "../src/range/days";
import { type Figures, type Point } from "../src/usage/figures";

const formats = makeFormats(["en-US"]);
const NOW = Date.parse("2026-11-22T14:30:00Z");
const [VOICE, , CALLS, RUNS] = CHARTS;

function days(first: string, values: readonly number[]): Point[] {
  return values.map((calls, index) => {
    const day = addDays(first, index);
    return {
      start: day,
      from: `${day}T00:00:00Z`,
      to: `${addDays(day, 1)}T00:00:00Z`,
      whole: true,
      state: "final",
      calls,
      inbound_calls: calls,
      outbound_calls: 0,
      voice_minutes: calls,
    };
  });
}

function figures(points: readonly Point[], more: Partial<Figures> = {}): Figures {
  const { from = "", to = "" } = { from: points[0]?.from, to: points.at(-1)?.to };
  return { from, to, grain: "day", filter: null, totals: {}, comparison: null, points, earlier: [], ...more };
}

const pointsOf = (shown: Figures, chart = CALLS) =>
  chart === undefined ? [] : chartPoints(shown, chart, NOW, formats);

it("the line to today is dashed and all other days are solid", () => {
  const points = pointsOf(figures(days("2026-11-20", [3, 4, 1])), VOICE);
  expect(points.map(({ complete }) => complete)).toEqual([3, 4, null]);
  expect(points.map(({ soFar }) => soFar)).toEqual([null, 4, 1]);
  expect(points.map(({ partial }) => partial)).toEqual([false, false, true]);
});

it("a range of past days has no dashed line", () => {
  const points = pointsOf(figures(days("2026-11-01", [3, 4])));
  expect(points.every(({ soFar, partial }) => soFar === null && !partial)).toBe(true);
});

it("unfinished days are marked, and days without data are gaps", () => {
  const states = ["final", "settling", "no_data", "settling", "future"] as const;
  const daily = days("2026-11-19", [1, 2, 0, 3, 0]).map((day, index) => ({
    ...day,
    state: states[index] ?? "final",
  }));
  const points = pointsOf(figures(daily));
  expect(points.map(({ mark }) => mark)).toEqual([null, "settling", "no-data", "so-far", "future"]);
  expect(points.map(markSuffix)).toEqual([
    "",
    " (may still change)",
    " (no data received)",
    " (so far)",
    " (not started)",
  ]);
  expect(points.map(({ complete }) => complete)).toEqual([1, 2, null, null, null]);
});

it("a week with today in it is so far, and has the days inside the range", () => {
  const week: Point = {
    start: "2026-11-16",
    from: "2026-11-18T00:00:00Z",
    to: "2026-11-23T00:00:00Z",
    whole: false,
    state: "settling",
    calls: 9,
  };
  const [point] = pointsOf(figures([week], { grain: "week" }));
  expect(point?.mark).toBe("so-far");
  expect(point).toMatchObject({ from: "2026-11-18", to: "2026-11-22" });
  expect(point?.label.replaceAll(/\s/gu, " ")).toBe("Nov 18 – 22, 2026");
});

it("a point has the earlier value of the same offset", () => {
  const earlier = [{ from: "2026-10-03T00:00:00Z", to: "2026-10-04T00:00:00Z", calls: 7 }, null];
  const points = pointsOf(figures(days("2026-11-01", [3, 4]), { earlier }));
  expect(points.map((point) => point.earlier)).toEqual([7, null]);
  expect(points[0]?.earlierLabel).toBe("Sat, Oct 3");
});

it("runs that neither succeeded nor failed are the other part", () => {
  const [point] = days("2026-11-01", [0]);
  if (point === undefined || RUNS === undefined) throw new Error("no point");
  const runs = { ...point, workflow_runs: 9, workflow_runs_success: 5, workflow_runs_failed: 1 };
  const [shown] = chartPoints(figures([runs]), RUNS, NOW, formats);
  expect(shown?.parts).toEqual([5, 3, 1]);
});

it("a day links to the list behind its chart's figure", () => {
  const lists = (filter: Parameters<typeof recordsOnDay>[2]) =>
    CHARTS.map((chart) => formatListing(recordsOnDay(chart, "2026-11-03", filter)));
  expect(lists(null)).toEqual([
    "conversation:day=2026-11-03,modality=voice",
    "conversation:day=2026-11-03,modality=chat",
    "conversation:day=2026-11-03",
    "workflow_execution:day=2026-11-03",
  ]);
  expect(lists({ by: "agent", value: "a" })[2]).toBe("conversation:day=2026-11-03,agent=a");
});

describe("the value axis", () => {
  it.each([
    [[0, 0], 1, [0, 1]],
    [[1], 1, [0, 1]],
    [[3, 7], 1, [0, 2, 4, 6, 8]],
    [[478], 1, [0, 200, 400, 600]],
    [[400], 1, [0, 100, 200, 300, 400]],
    [[0.04], 0.01, [0, 0.01, 0.02, 0.03, 0.04]],
    [[0.01], 0.01, [0, 0.01]],
    [[1_000_001], 1, [0, 500_000, 1_000_000, 1_500_000]],
  ])("of %j starts at 0 and includes the largest value", (values, smallest, ticks) => {
    expect(valueTicks(values, smallest)).toEqual(ticks);
  });

  it("of a count has integer steps", () => {
    for (let max = 1; max < 3000; max += 7) {
      const ticks = valueTicks([max], 1);
      expect(ticks.every(Number.isInteger)).toBe(true);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
      expect(ticks.length).toBeLessThanOrEqual(6);
    }
  });
});

describe("the labels of the axis", () => {
  const starts = (first: string, count: number, step = 1) =>
    Array.from({ length: count }, (_, index) => addDays(first, index * step));
  const labels = (all: readonly string[], grain: Grain, max: number) => {
    const ticks = startTicks(all, grain, max);
    return ticks.map(startLabel(all, grain, ticks, formats));
  };

  it("are Mondays and the last day", () => {
    expect(labels(starts("2026-11-01", 22), "day", 9)).toEqual(["Nov 2", "Nov 9", "Nov 16", "Nov 22"]);
  });

  it("are all days of a short range, as many as fit", () => {
    expect(labels(starts("2026-11-01", 7), "day", 9)).toHaveLength(7);
    expect(labels(starts("2026-11-01", 7), "day", 4)).toEqual(["Nov 1", "Nov 3", "Nov 5", "Nov 7"]);
  });

  it("are months in a year, the first with its year", () => {
    expect(labels(starts("2025-11-23", 365), "day", 12)[0]).toBe("Dec 2025");
    expect(labels(starts("2025-11-24", 52, 7), "week", 12)).toHaveLength(12);
  });
});
