// The costs of an organization, and the forecast of the current month: schemas and requests. Amounts and quantities are
// decimal strings, because a number could change a digit.

import * as v from "valibot";
import { type CostSplit } from "../location/options";
import { addDays } from "../range/days";
import { type Range } from "../range/range";
import { request } from "./client";
import { withParameters } from "./paths";
import type { components } from "./schema";
import { Count, Text } from "./shapes";

type Schemas = components["schemas"];

const Decimal = v.pipe(Text, v.regex(/^-?\d+(\.\d+)?$/));

export const ChargeCost = v.object({
  id: Text,
  name: Text,
  meter: Text,
  unit: v.picklist(["minute", "call", "session", "run", "item"]),
  per_call: v.picklist(["exact", "1/1", "6/6", "30/6", "60/60"]),
  quantity: Decimal,
  base_quantity: Count,
  included: v.nullable(Decimal),
  billable: v.nullable(Decimal),
  package: v.nullable(Decimal),
  packages: v.nullable(Count),
  counted_from: v.nullable(Text),
  tiers: v.nullable(
    v.array(
      v.object({
        from: Decimal,
        up_to: v.nullable(Decimal),
        quantity: Decimal,
        price: Decimal,
        amount: Decimal,
      }),
    ),
  ),
  amount: Decimal,
}) satisfies v.GenericSchema<unknown, Schemas["ChargeCost"]>;

export const MonthCosts = v.object({
  month: Text,
  from: Text,
  to: Text,
  plan: v.nullable(Text),
  version: v.nullable(Count),
  state: v.picklist(["open", "closed"]),
  fee: v.nullable(Decimal),
  minimum_charge: v.nullable(Decimal),
  total: v.nullable(Decimal),
  closed_total: v.nullable(Decimal),
  difference: v.nullable(Decimal),
  charges: v.array(ChargeCost),
}) satisfies v.GenericSchema<unknown, Schemas["MonthCosts"]>;

export const Costs = v.object({
  from: Text,
  to: Text,
  currency: v.nullable(Text),
  total: v.nullable(Decimal),
  months: v.array(MonthCosts),
  days: v.array(v.object({ day: Text, amount: v.nullable(Decimal), charges: v.record(Text, Decimal) })),
  rows: v.nullable(v.array(v.object({ value: v.nullable(Text), name: v.nullable(Text), amount: Decimal }))),
  others: v.nullable(v.object({ values: Count, amount: Decimal })),
  unallocated: v.nullable(
    v.array(
      v.object({
        id: Text,
        name: Text,
        amount: Decimal,
        reason: v.picklist(["not_of_a_value", "too_many_records", "records_deleted"]),
      }),
    ),
  ),
}) satisfies v.GenericSchema<unknown, Schemas["Costs"]>;

const Projection = v.object({
  to_date: Decimal,
  projected: Decimal,
  low: Decimal,
  high: Decimal,
  /** The mean error of the last months, as a fraction: `0.04`. */
  past_error: v.nullable(Decimal),
});

export const Forecast = v.object({
  month: Text,
  currency: v.nullable(Text),
  meters: v.array(v.object({ ...Projection.entries, meter: Text })),
  cost: v.nullable(Projection),
});

export function getCosts(organization: string, range: Range, signal?: AbortSignal): Promise<Costs> {
  return requestCosts(organization, range, {}, signal);
}

/** Return the costs with `rows`, `others` and `unallocated`. */
export function getSplitCosts(
  organization: string,
  range: Range,
  by: CostSplit,
  limit: number,
  signal?: AbortSignal,
): Promise<Costs> {
  return requestCosts(organization, range, { by, limit: String(limit) }, signal);
}

function requestCosts(
  organization: string,
  { from, to }: Range,
  options: Record<string, string>,
  signal?: AbortSignal,
): Promise<Costs> {
  const parameters = { from, to: addDays(to, 1), ...options, organization_id: organization };
  return request(withParameters("/admin/usage/costs", parameters), Costs, { signal });
}

export function getForecast(organization: string, signal?: AbortSignal): Promise<Forecast> {
  const path = withParameters("/admin/usage/forecast", { organization_id: organization });
  return request(path, Forecast, { signal });
}

export type ChargeCost = v.InferOutput<typeof ChargeCost>;
export type MonthCosts = v.InferOutput<typeof MonthCosts>;
export type Costs = v.InferOutput<typeof Costs>;
export type Forecast = v.InferOutput<typeof Forecast>;
