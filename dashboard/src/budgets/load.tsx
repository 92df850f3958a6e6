// The Budgets section in the page: loads its code and its data.

import { Skeleton } from "@mantine/core";
import { Suspense } from "react";
import { type Day } from "../range/days";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { expectedHeight } from "../shell/heights";
import { lazyPart } from "../shell/lazyPart";
import { LoadFailure } from "../shell/LoadFailure";

const load = () => import("./BudgetSection");
const BudgetSection = lazyPart(load);

export interface BudgetsProps {
  readonly organization: string;
  readonly today: Day;
}

/** Start loading both. Errors are ignored here; the component shows them. */
export function loadBudgets(organization: string): void {
  load().then(
    ({ prefetchBudgets }) => {
      prefetchBudgets(organization);
    },
    () => undefined,
  );
}

/** The budgets of an organization; nothing if it has none and the session cannot create one. */
export function Budgets(props: BudgetsProps) {
  return (
    <ErrorBoundary fallback={(retry) => <LoadFailure what="the budgets" retry={retry} />}>
      <Suspense fallback={<BudgetsLoading organization={props.organization} />}>
        <BudgetSection {...props} />
      </Suspense>
    </ErrorBoundary>
  );
}

/** The name by which the height of the section is remembered. */
export function budgetsPart(organization: string): string {
  return `budgets ${organization}`;
}

export function BudgetsLoading({ organization }: { organization: string }) {
  const height = expectedHeight(budgetsPart(organization));
  if (height === null) return null;
  return (
    <div className="costs-loading" style={{ height }} role="status" aria-label="Loading the budgets">
      <Skeleton height="100%" />
    </div>
  );
}
