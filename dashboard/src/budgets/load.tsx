// What the Budgets section shows while its data loads.

import { Skeleton } from "@mantine/core";
import { type Day } from "../range/days";
import { expectedHeight } from "../shell/heights";

export interface BudgetsProps {
  readonly organization: string;
  readonly today: Day;
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
