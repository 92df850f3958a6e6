// The Cost section and the Budgets section, whose code loads together.

import BudgetSection, { prefetchBudgets } from "../budgets/BudgetSection";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { LoadFailure } from "../shell/LoadFailure";
import CostSection, { prefetchCosts } from "./CostSection";
import { type CostsProps } from "./load";

/** Fetch what both sections show first. */
export function prefetch(organization: string): void {
  prefetchCosts(organization);
  prefetchBudgets(organization);
}

export default function CostsAndBudgets(props: CostsProps) {
  return (
    <>
      <CostSection {...props} />
      <ErrorBoundary fallback={(retry) => <LoadFailure what="the budgets" retry={retry} />}>
        <BudgetSection organization={props.organization} today={props.today} />
      </ErrorBoundary>
    </>
  );
}
