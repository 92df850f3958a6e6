// The currency and the charges of an organization's plan in the current month.

import { useQuery } from "@tanstack/react-query";
import { type ChargeCost } from "../api/costs";
import { costsQuery } from "../costs/query";
import { type Day, firstOfMonth } from "../range/days";

export interface PlanCharges {
  /** Null: no plan, or not known yet. */
  readonly currency: string | null;
  readonly charges: readonly ChargeCost[];
}

export function usePlanCharges(organization: string, today: Day): PlanCharges {
  const { data } = useQuery(costsQuery(organization, { from: firstOfMonth(today), to: today }));
  return { currency: data?.currency ?? null, charges: data?.months.at(-1)?.charges ?? [] };
}
