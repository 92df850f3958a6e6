// Costs for tests: the server's sample, and the month of the worked example of the documentation.

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { type ChargeCost, Costs, type MonthCosts } from "../src/api/costs";

const SAMPLE: unknown = JSON.parse(readFileSync("../tests/contract/costs.json", "utf8"));
export const costs = v.parse(Costs, SAMPLE);

export function charge(changes: Partial<ChargeCost>): ChargeCost {
  return {
    id: "voice-out",
    name: "Outbound voice",
    meter: "voice_minutes",
    unit: "minute",
    per_call: "exact",
    quantity: "0",
    base_quantity: 0,
    included: "0",
    billable: "0",
    package: null,
    packages: null,
    counted_from: null,
    tiers: [],
    amount: "0.00",
    ...changes,
  };
}

function tier(from: string, upTo: string | null, quantity: string, price: string, amount: string) {
  return { from, up_to: upTo, quantity, price, amount };
}

/** November 2026 of the worked example of the documentation. */
export const NOVEMBER: MonthCosts = {
  month: "2026-11",
  from: "2026-11-01",
  to: "2026-12-01",
  plan: "smb",
  version: 3,
  state: "closed",
  fee: "10.00",
  minimum_charge: "513.70",
  total: "2010.00",
  closed_total: "2006.40",
  difference: "3.60",
  charges: [
    charge({
      per_call: "60/60",
      quantity: "12300",
      base_quantity: 738_000_000,
      included: "500",
      billable: "11800",
      tiers: [tier("500", null, "11800", "0.12", "1416.00")],
      amount: "1416.00",
    }),
    charge({
      id: "chats",
      name: "Chat sessions",
      meter: "chat_sessions",
      unit: "session",
      quantity: "1300",
      base_quantity: 1300,
      tiers: [tier("0", "1000", "1000", "0.05", "50.00"), tier("1000", "10000", "300", "0.04", "12.00")],
      amount: "62.00",
    }),
    charge({
      id: "runs",
      name: "Workflow runs",
      meter: "workflow_runs",
      unit: "run",
      quantity: "2500",
      base_quantity: 2500,
      package: "1000",
      packages: 3,
      tiers: [tier("0", null, "2500", "2.00", "6.00")],
      amount: "6.00",
    }),
    charge({
      id: "numbers",
      name: "Shared phone numbers",
      meter: "shared_phone_numbers",
      unit: "item",
      quantity: "2",
      base_quantity: 60,
      counted_from: "2026-11-03",
      tiers: [tier("0", null, "2", "1.15", "2.30")],
      amount: "2.30",
    }),
  ],
};
