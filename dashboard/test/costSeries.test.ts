// The data of the cost chart, and the words of the Cost section.

import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { Forecast } from "../src/api/costs";
import { ApiError } from "../src/api/errors";
import { preparingSec } from "../src/costs/query";
import { amountAxis, costSeries, heightsOf, hiddenAtFirst, negativeDays } from "../src/costs/series";
import { reasonText, splitLabel } from "../src/costs/words";
import { addDays } from "../src/range/days";
import { NOVEMBER, charge, costs } from "./costSamples";

it("the chart of the sample has the fee on the first day and a part below zero", () => {
  const series = costSeries(costs, "2026-03-03");
  expect(series.grain).toBe("day");
  expect(series.parts.map(({ id }) => id)).toEqual(["voice-out", "chats", "calls", "runs", "fee"]);
  expect(series.points.map(({ amount }) => amount)).toEqual([null, "15.12", "0.00", "1.54"]);
  expect(series.points[1]?.amounts["fee"]).toBe("10.00");
  expect(series.points[3]?.amounts).toEqual({ chats: "0.04", calls: "-0.50", runs: "2.00" });
  expect(series.points.map(({ partial }) => partial)).toEqual([false, false, false, true]);
  expect(negativeDays(series)).toEqual(["2026-03-03"]);
});

describe("the chart", () => {
  it("a long range is drawn by month", () => {
    const days = Array.from({ length: 93 }, (_, index) => ({
      day: addDays("2026-11-01", index),
      amount: "1.00",
      charges: {},
    }));
    const series = costSeries({ ...costs, months: [NOVEMBER], days }, "2027-03-01");
    expect(series.grain).toBe("month");
    expect(series.points[0]?.amounts["minimum"]).toBe("513.70");
    expect(series.points[0]?.partial).toBe(false);
  });

  it.each([
    ["40.00", []],
    ["40.01", ["minimum"]],
  ])("a minimum charge of %s beside days of 10 hides %j at first", (minimum, hidden) => {
    const days = ["2026-11-01", "2026-11-30"].map((day) => ({ day, amount: "10.00", charges: {} }));
    const months = [{ ...NOVEMBER, minimum_charge: minimum }];
    expect([...hiddenAtFirst(costSeries({ ...costs, months, days }, "2026-12-01"))]).toEqual(hidden);
  });

  it("more than seven charges are drawn as the six largest and the rest", () => {
    const charges = Array.from({ length: 10 }, (_, index) =>
      charge({ id: `c${index}`, name: `Charge ${index}`, amount: `${index + 1}.00` }),
    );
    const amounts = Object.fromEntries(charges.map(({ id, amount }) => [id, amount]));
    const days = [{ day: "2026-11-02", amount: "55.00", charges: amounts }];
    const series = costSeries({ ...costs, months: [{ ...NOVEMBER, charges }], days }, "2026-12-01");
    expect(series.parts.map(({ label }) => label)).toEqual([
      ...[4, 5, 6, 7, 8, 9].map((index) => `Charge ${index}`),
      "4 other charges",
    ]);
    const [point] = series.points;
    if (point === undefined) throw new Error("no point");
    expect(heightsOf(point, series.parts)["_others"]).toBe(10);
  });

  it.each([
    [[{}], 0, 1, [0, 1]],
    [[{ a: 30, b: 17 }, { a: 5 }], 0, 50, [0, 10, 20, 30, 40, 50]],
    [[{ a: 60 }, { a: 4, b: -33 }], -33, 60, [-20, 0, 20, 40, 60]],
    [[{ a: 0.03 }], 0, 0.03, [0, 0.01, 0.02, 0.03]],
  ] as const)("the axis of %j", (stacks, low, high, ticks) => {
    expect(amountAxis(stacks)).toEqual({ low, high, ticks });
  });
});

it("only a 503 that asks for a longer wait means that costs are being prepared", () => {
  expect(preparingSec(new ApiError(503, "Wait.", 30))).toBe(30);
  expect(preparingSec(new ApiError(503, "Busy.", 1))).toBeNull();
  expect(preparingSec(new ApiError(500, "Broken.", 30))).toBeNull();
});

it("values and reasons of the split have words", () => {
  expect(splitLabel("direction", "inbound", null)).toBe("Inbound");
  expect(splitLabel("direction", null, null)).toBe("Without a direction");
  expect(splitLabel("agent", "a1", "Reception")).toBe("Reception");
  const line = { id: "fee", name: "Monthly fee", amount: "10.00", reason: "not_of_a_value" } as const;
  expect(reasonText(line, "agent")).toBe("An amount of the whole month");
  expect(reasonText({ ...line, id: "runs" }, "agent")).toBe("Not counted by agent");
  expect(reasonText({ ...line, reason: "too_many_records" }, "number")).toContain("a shorter range");
});

it("a forecast reads its past error as text or number", () => {
  const one = { to_date: "1", projected: "2", low: "1", high: "3", method: "mean", past_error: "0.04" };
  const sample = { month: "2026-11", currency: "USD", meters: [{ ...one, meter: "calls" }], cost: one };
  expect(v.parse(Forecast, sample).cost?.past_error).toBe("0.04");
  expect(v.parse(Forecast, { ...sample, cost: { ...one, past_error: null } }).cost?.past_error).toBeNull();
});
