// Chart data: points, marks and ticks.

import { expect, it } from "vitest";
import { type DayPoint } from "../src/api/shapes";
import { CHARTS, chartPoints, dayTicks, markSuffix, recordsOnDay, valueTicks } from "../src/charts/series";
import { formatListing } from "../src/location/listing";
import { addDays } from "../src/range/days";

function days(first: string, values: readonly number[]): DayPoint[] {
  return values.map((calls, index) => ({
    day: addDays(first, index),
    calls,
    voice_minutes: 0,
    chat_minutes: 0,
    workflow_runs: 0,
    voice_duration_ms: 0,
    chat_duration_ms: 0,
    state: "final",
    changed_at: null,
  }));
}

it("the line to today is dashed and all other days are solid", () => {
  const points = chartPoints(days("2026-11-20", [3, 4, 1]), "calls", "2026-11-22");
  expect(points.map(({ complete }) => complete)).toEqual([3, 4, null]);
  expect(points.map(({ soFar }) => soFar)).toEqual([null, 4, 1]);
  expect(points.map(({ partial }) => partial)).toEqual([false, false, true]);
});

it("a range of past days has no dashed line", () => {
  const points = chartPoints(days("2026-11-01", [3, 4]), "calls", "2026-11-22");
  expect(points.every(({ soFar, partial }) => soFar === null && !partial)).toBe(true);
});

it("unfinished days and days without data are marked, and today is always so far", () => {
  const states = ["final", "settling", "no_data", "settling", "future"] as const;
  const daily = days("2026-11-19", [1, 2, 0, 3, 0]).map((day, index) => ({
    ...day,
    state: states[index] ?? "final",
  }));
  const points = chartPoints(daily, "calls", "2026-11-22");
  expect(points.map(({ mark }) => mark)).toEqual([null, "settling", "no-data", "so-far", "future"]);
  expect(points.map(markSuffix)).toEqual([
    "",
    " (may still change)",
    " (no data received)",
    " (so far)",
    " (not started)",
  ]);
  expect(points.map(({ complete }) => complete)).toEqual([1, 2, 0, null, null]);
});

it("a day links to the list behind its chart's figure", () => {
  const lists = CHARTS.map((chart) => formatListing(recordsOnDay(chart, "2026-11-03")));
  expect(lists).toEqual([
    "conversation:day=2026-11-03,modality=voice",
    "conversation:day=2026-11-03,modality=chat",
    "conversation:day=2026-11-03",
    "workflow_execution:day=2026-11-03",
  ]);
});

it.each([
  [[0, 0], true, [0, 1]],
  [[1], true, [0, 1]],
  [[3, 7], true, [0, 2, 4, 6, 8]],
  [[478], true, [0, 100, 200, 300, 400, 500]],
  [[500], true, [0, 100, 200, 300, 400, 500]],
  [[0.04], false, [0, 0.01, 0.02, 0.03, 0.04]],
  [[1_000_001], true, [0, 500_000, 1_000_000, 1_500_000]],
])("the axis of %j starts at 0 and includes the largest value", (values, integers, ticks) => {
  expect(valueTicks(values, integers)).toEqual(ticks);
});

it("the axis of a count has integer steps", () => {
  for (let max = 1; max < 3000; max += 7) {
    const ticks = valueTicks([max], true);
    expect(ticks.every(Number.isInteger)).toBe(true);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
    expect(ticks.length).toBeLessThanOrEqual(7);
  }
});

it("a long range has a label per month", () => {
  const year = chartPoints(days("2025-11-23", Array<number>(365).fill(1)), "calls", "2026-11-22");
  expect(dayTicks(year)).toHaveLength(12);
  expect(dayTicks(year.slice(0, 31))).toHaveLength(31);
});
