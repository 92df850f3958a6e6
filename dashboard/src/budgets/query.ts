// The queries of budgets and of the webhooks that their messages go to.

import { queryOptions } from "@tanstack/react-query";
import { type BudgetAnswer, type Webhook, getBudget, getBudgets, getWebhooks } from "../api/budgets";
import { duringPreparation } from "../costs/query";

export function budgetsQuery(organization: string) {
  return queryOptions({
    ...duringPreparation,
    // Everything that a refresh of the costs invalidates.
    queryKey: ["costs", organization, "budgets"],
    queryFn: ({ signal }): Promise<readonly BudgetAnswer[]> => getBudgets(organization, signal),
  });
}

export function budgetQuery(organization: string, id: string) {
  return queryOptions({
    ...duringPreparation,
    queryKey: ["costs", organization, "budgets", id],
    queryFn: ({ signal }): Promise<BudgetAnswer> => getBudget(organization, id, signal),
  });
}

export function webhooksQuery(organization: string) {
  return queryOptions({
    queryKey: ["webhooks", organization],
    queryFn: ({ signal }): Promise<readonly Webhook[]> => getWebhooks(organization, signal),
  });
}
