import { describe, expect, it } from "vitest";
import { type BudgetAnswer, type Delivery } from "../src/api/budgets";
import { budgetOf, draftOf, fieldOf, newId } from "../src/budgets/draft";
import {
  attemptText,
  byUrgency,
  deliveryText,
  paceText,
  subject,
  thresholdsOf,
  usedOf,
} from "../src/budgets/words";

const ANSWER: BudgetAnswer = {
  id: "calls",
  budget: {
    name: "Calls",
    metric: "total_calls",
    filter: { agent: "ann" },
    period: "month",
    limit: "4",
    thresholds: [50, 100],
    webhooks: [],
    emails: [],
    enabled: true,
  },
  version: "1",
  changed_at: "2026-03-01T00:00:00Z",
  changed_by: "key ak_1",
  filter_name: "Reception",
  charge: null,
  currency: null,
  current: { from: "2026-03-01", to: "2026-04-01", value: "1", limit: "4", percent: "25.0" },
  pace: { value: "5", percent: "125.0", reached_on: "2026-03-24" },
  crossings: [
    {
      from: "2026-03-01",
      to: "2026-04-01",
      threshold: 50,
      at: "2026-03-10T10:00:00Z",
      value: "2",
      limit: "4",
      deliveries: null,
    },
  ],
};
const ATTEMPT = { number: 1, at: "2026-03-10T10:00:00Z", duration_ms: 9, status: 500, error: "status" };
const DELIVERY: Delivery = {
  message_id: "msg_1",
  type: "budget.crossed",
  channel: "webhook",
  target: "wh_1",
  created_at: "2026-03-10T10:00:00Z",
  state: "pending",
  next_at: "2026-03-10T10:05:00Z",
  attempts: [ATTEMPT],
};

describe("words of a budget", () => {
  it("names the figure and the filter", () => {
    expect(subject(ANSWER)).toBe("Calls, agent Reception");
    expect(usedOf(ANSWER, "1", "4")).toBe("1 of 4 calls");
  });

  it("says where the period is heading", () => {
    expect(paceText(ANSWER, "2026-03-15")).toMatch(/^At this pace 100% on .*24/);
    expect(paceText({ ...ANSWER, pace: null }, "2026-03-15")).toBeNull();
    const slow = { ...ANSWER, pace: { value: "3", percent: "75.0", reached_on: null } };
    expect(paceText(slow, "2026-03-15")).toMatch(/^At this pace 75% by .*31/);
  });

  it("keeps a reached threshold that corrections have lowered", () => {
    expect(thresholdsOf(ANSWER)).toEqual([
      { percent: 50, reachedAt: Date.parse("2026-03-10T10:00:00Z"), lowered: true },
      { percent: 100, reachedAt: null, lowered: false },
    ]);
  });

  it("puts the highest percentage first and paused budgets last", () => {
    const full = { ...ANSWER, id: "full", current: { ...ANSWER.current, percent: "99.0" } };
    const paused = { ...full, id: "paused", budget: { ...full.budget, enabled: false } };
    expect(byUrgency([paused, ANSWER, full]).map(({ id }) => id)).toEqual(["full", "calls", "paused"]);
  });

  it("says what became of a message", () => {
    expect(deliveryText(DELIVERY, "2026-03-15")).toMatch(
      /^wh_1: not delivered yet, status 500, next attempt /,
    );
    expect(deliveryText({ ...DELIVERY, state: "failed", next_at: null }, "2026-03-15")).toBe(
      "wh_1: not delivered, status 500",
    );
    const unconfirmed = { ...ATTEMPT, status: null, error: "unconfirmed" };
    expect(deliveryText({ ...DELIVERY, state: "dropped", attempts: [unconfirmed] }, "2026-03-15")).toBe(
      "wh_1: not sent, because the address is not confirmed",
    );
    expect(attemptText(ATTEMPT, "2026-03-15")).toMatch(/, 9 ms: status 500$/);
    expect(attemptText({ ...ATTEMPT, duration_ms: null }, "2026-03-15")).toMatch(
      /: running, or interrupted$/,
    );
    expect(deliveryText({ ...DELIVERY, attempts: [] }, "2026-03-15")).toMatch(
      /^wh_1: being sent, next attempt /,
    );
  });
});

describe("the form of a budget", () => {
  it("gives the budget back that it was opened with", () => {
    expect(budgetOf(draftOf(ANSWER.budget), ANSWER.budget)).toEqual(ANSWER.budget);
  });

  it("reads thresholds and addresses as people write them", () => {
    const draft = { ...draftOf(ANSWER.budget), thresholds: "50 %, 80", emails: "a@x.yz; b@x.yz" };
    expect(budgetOf(draft, null)).toMatchObject({ thresholds: [50, 80], emails: ["a@x.yz", "b@x.yz"] });
    expect(() => budgetOf({ ...draft, thresholds: "half" }, null)).toThrow("whole percents");
  });

  it("finds the field that a sentence of the server is about", () => {
    expect(fieldOf("'limit' must be a decimal number in quotes, more than 0, not 'x'.")).toBe("limit");
    expect(fieldOf("'x' is not an e-mail address such as ops@example.com.")).toBe("emails");
    expect(fieldOf("The server is stopping.")).toBeNull();
  });

  it("makes ids that the API accepts and that differ", () => {
    const ids = [newId("Überraschung & Calls"), newId("Überraschung & Calls"), newId("日本")];
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[a-z0-9-]{1,64}$/);
  });
});
