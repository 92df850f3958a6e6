// Budgets: schemas and requests. Values and limits are decimal strings, because a number could change a digit.

import * as v from "valibot";
import { request } from "./client";
import { ApiError } from "./errors";
import { withParameters } from "./paths";
import type { components } from "./schema";
import { Text } from "./shapes";

type Schemas = components["schemas"];

const Decimal = v.pipe(Text, v.regex(/^\d+(\.\d+)?$/));

export const Budget = v.object({
  name: Text,
  metric: Text,
  filter: v.nullable(v.record(Text, Text)),
  period: v.picklist(["day", "week", "month"]),
  limit: Text,
  thresholds: v.array(v.number()),
  webhooks: v.array(Text),
  emails: v.array(Text),
  enabled: v.boolean(),
});

const Attempt = v.object({
  number: v.number(),
  at: Text,
  duration_ms: v.nullable(v.number()),
  status: v.nullable(v.number()),
  error: v.nullable(Text),
});

const Delivery = v.object({
  message_id: Text,
  type: Text,
  channel: Text,
  target: Text,
  created_at: Text,
  state: Text,
  next_at: v.nullable(Text),
  attempts: v.array(Attempt),
});

export const Crossing = v.object({
  from: Text,
  to: Text,
  threshold: v.number(),
  at: Text,
  value: Decimal,
  limit: Decimal,
  /** Null in a list of budgets. */
  deliveries: v.nullable(v.array(Delivery)),
}) satisfies v.GenericSchema<unknown, Schemas["CrossingAnswer"]>;

export const BudgetVersion = v.object({
  id: Text,
  budget: Budget,
  version: Text,
  changed_at: Text,
  changed_by: Text,
});

export const BudgetAnswer = v.object({
  ...BudgetVersion.entries,
  filter_name: v.nullable(Text),
  charge: v.nullable(
    v.object({ name: Text, unit: v.picklist(["minute", "call", "session", "run", "item"]) }),
  ),
  currency: v.nullable(Text),
  current: v.object({
    from: Text,
    to: Text,
    value: v.nullable(Decimal),
    limit: v.nullable(Decimal),
    percent: v.nullable(Decimal),
  }),
  pace: v.nullable(v.object({ value: Decimal, percent: Decimal, reached_on: v.nullable(Text) })),
  crossings: v.array(Crossing),
}) satisfies v.GenericSchema<unknown, Schemas["BudgetAnswer"]>;

export const BudgetList = v.object({ budgets: v.array(BudgetAnswer) });

const Webhook = v.object({
  id: Text,
  url: Text,
  failing_since: v.nullable(Text),
  disabled_at: v.nullable(Text),
});

const WebhookList = v.object({ webhooks: v.array(Webhook) });

const Conflict = v.object({ present: v.nullable(BudgetVersion) });

/** The version that a request changes; null if it creates the budget. */
export type Expected = string | null;

export async function getBudgets(
  organization: string,
  signal?: AbortSignal,
): Promise<readonly BudgetAnswer[]> {
  const path = withParameters("/admin/usage/budgets", { organization_id: organization });
  return (await request(path, BudgetList, { signal })).budgets;
}

/** Return a budget with its older crossings, and the messages about each. */
export function getBudget(organization: string, id: string, signal?: AbortSignal): Promise<BudgetAnswer> {
  return request(pathOf(organization, id), BudgetAnswer, { signal });
}

/** Return the webhooks that messages can go to. */
export async function getWebhooks(organization: string, signal?: AbortSignal): Promise<readonly Webhook[]> {
  const path = withParameters("/admin/usage/webhooks", { organization_id: organization });
  return (await request(path, WebhookList, { signal })).webhooks;
}

/** Send a test message to a webhook; the server allows it once a minute. */
export async function testWebhook(organization: string, id: string): Promise<void> {
  const path = `/admin/usage/webhooks/${encodeURIComponent(id)}/test`;
  await request(withParameters(path, { organization_id: organization }), v.object({ message_id: Text }), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
  });
}

export function putBudget(
  organization: string,
  id: string,
  budget: Budget,
  expected: Expected,
): Promise<BudgetVersion> {
  return request(pathOf(organization, id), BudgetVersion, {
    method: "PUT",
    headers: {
      "Content-Type": "application/json",
      ...(expected === null ? { "If-None-Match": "*" } : { "If-Match": `"${expected}"` }),
    },
    body: JSON.stringify(budget),
  });
}

export async function deleteBudget(organization: string, id: string, version: string): Promise<void> {
  await request(pathOf(organization, id), v.undefined(), {
    method: "DELETE",
    headers: { "Content-Type": "application/json", "If-Match": `"${version}"` },
  });
}

/** Return the budget as it is now if an error says that it was changed meanwhile: null if it was deleted. */
export function presentOf(error: unknown): BudgetVersion | null | undefined {
  if (!(error instanceof ApiError) || error.status !== 412) return undefined;
  const conflict = v.safeParse(Conflict, error.body);
  return conflict.success ? conflict.output.present : undefined;
}

function pathOf(organization: string, id: string): string {
  return withParameters(`/admin/usage/budgets/${encodeURIComponent(id)}`, { organization_id: organization });
}

export type Budget = v.InferOutput<typeof Budget>;
export type BudgetVersion = v.InferOutput<typeof BudgetVersion>;
export type BudgetAnswer = v.InferOutput<typeof BudgetAnswer>;
export type Crossing = v.InferOutput<typeof Crossing>;
export type Delivery = v.InferOutput<typeof Delivery>;
export type Webhook = v.InferOutput<typeof Webhook>;
