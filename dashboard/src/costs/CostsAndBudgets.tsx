// The Cost section, and the Budgets section, whose code is a separate chunk.

import { loadBudgets, Budgets } from "../budgets/load";
import CostSection, { prefetchCosts } from "./CostSection";
import { type CostsProps } from "./load";

/** Fetch what both sections show first. */
export function prefetch(organization: string): void {
  prefetchCosts(organization);
  loadBudgets(organization);
}

export default function CostsAndBudgets(props: CostsProps) {
  return (
    <>
      <CostSection {...props} />
      <Budgets organization={props.organization} today={props.today} />
    </>
  );
}
