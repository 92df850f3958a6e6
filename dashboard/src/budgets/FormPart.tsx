// The form of a budget, whose code loads when it is first opened.

import { Button, Skeleton } from "@mantine/core";
import { Suspense } from "react";
import { type BudgetAnswer } from "../api/budgets";
import { type Day } from "../range/days";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { lazyPart } from "../shell/lazyPart";
import { LoadFailure } from "../shell/LoadFailure";

const BudgetForm = lazyPart(() => import("./BudgetForm"));

export interface FormProps {
  readonly organization: string;
  readonly today: Day;
  /** The budget that is changed; null: a new one. */
  readonly answer: BudgetAnswer | null;
  readonly cancel: () => void;
  /** Called after a change with what was done and the id of the budget, null if it was deleted. */
  readonly changed: (done: string, id: string | null) => Promise<void>;
}

export function FormPart(props: FormProps) {
  return (
    <ErrorBoundary
      fallback={(retry) => (
        <div className="budget-form-failed">
          <LoadFailure what="the form" retry={retry} />
          <Button size="xs" variant="subtle" onClick={props.cancel}>
            Cancel
          </Button>
        </div>
      )}
    >
      <Suspense
        fallback={
          <div className="budget-form-loading" role="status" aria-label="Loading the form">
            <Skeleton height="100%" />
          </div>
        }
      >
        <BudgetForm {...props} />
      </Suspense>
    </ErrorBoundary>
  );
}
