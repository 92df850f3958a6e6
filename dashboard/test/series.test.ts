// What charts are made of: points, ticks from 0, and which day is "so far".

import { expect, it } from "vitest";
import { type DayPoint } from "../src/api/shapes";
import { addDays } from "../src/range/days";
import { formatListing } from "../src/range/listing";
import { CHARTS, dayTicks, markWords, pointsOf, recordsOfDay, valueTicks } from "../src/charts/series";

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

it("today is dashed from the day before, and every other day is solid", () => {
  const points = pointsOf(days("2026-11-20", [3, 4, 1]), "calls", "2026-11-22");
  expect(points.map(({ whole }) => whole)).toEqual([3, 4, null]);
  expect(points.map(({ soFar }) => soFar)).toEqual([null, 4, 1]);
  expect(points.map(({ partial }) => partial)).toEqual([false, false, true]);
});

it("a range of past days has nothing dashed", () => {
  const points = pointsOf(days("2026-11-01", [3, 4]), "calls", "2026-11-22");
  expect(points.every(({ soFar, partial }) => soFar === null && !partial)).toBe(true);
});

it("days that settle, have no events or have not begun are marked, and today is so far whatever its state", () => {
  const states = ["final", "settling", "no_data", "settling", "future"] as const;
  const daily = days("2026-11-19", [1, 2, 0, 3, 0]).map((day, index) => ({
    ...day,
    state: states[index] ?? "final",
  }));
  const points = pointsOf(daily, "calls", "2026-11-22");
  expect(points.map(({ mark }) => mark)).toEqual([null, "settling", "no-data", "so-far", "future"]);
  expect(points.map(markWords)).toEqual([
    "",
    " (still settling)",
    " (no events received)",
    " (so far)",
    " (not begun)",
  ]);
  expect(points.map(({ whole }) => whole)).toEqual([1, 2, 0, null, null]);
});

it("a day leads to the records of its chart's figure", () => {
  const lists = CHARTS.map((chart) => formatListing(recordsOfDay(chart, "2026-11-03")));
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
])("the axis of %j begins at 0 and holds the greatest value", (values, whole, ticks) => {
  expect(valueTicks(values, whole)).toEqual(ticks);
});

it("a count's axis has whole steps, whatever the values", () => {
  for (let most = 1; most < 3000; most += 7) {
    const ticks = valueTicks([most], true);
    expect(ticks.every(Number.isInteger)).toBe(true);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(most);
    expect(ticks.length).toBeLessThanOrEqual(7);
  }
});

it("a long range is labelled by months", () => {
  const year = pointsOf(days("2025-11-23", Array<number>(365).fill(1)), "calls", "2026-11-22");
  expect(dayTicks(year)).toHaveLength(12);
  expect(dayTicks(year.slice(0, 31))).toHaveLength(31);
});
