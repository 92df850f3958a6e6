// The Cost section in the page: loads its code and its first data in parallel with the summary.

import { Skeleton } from "@mantine/core";
import { Suspense } from "react";
import { type Day } from "../range/days";
import { type Range } from "../range/range";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { lazyPart } from "../shell/lazyPart";
import { LoadFailure } from "../shell/LoadFailure";
import { expectedHeight } from "./hint";

const load = () => import("./CostSection");
const CostSection = lazyPart(load);

export interface CostsProps {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
}

/** Start loading both. Errors are ignored here; the component shows them. */
export function loadCosts(organization: string): void {
  load().then(
    ({ prefetchCosts }) => {
      prefetchCosts(organization);
    },
    () => undefined,
  );
}

/** The costs of an organization; nothing if it has no plan in the range. */
export function Costs(props: CostsProps) {
  return (
    <ErrorBoundary fallback={(retry) => <LoadFailure what="the costs" retry={retry} />}>
      <Suspense fallback={<CostsLoading organization={props.organization} />}>
        <CostSection {...props} />
      </Suspense>
    </ErrorBoundary>
  );
}

export function CostsLoading({ organization }: { organization: string }) {
  const height = expectedHeight(organization);
  if (height === null) return null;
  return (
    <div className="costs-loading" style={{ height }} role="status" aria-label="Loading the costs">
      <Skeleton height="100%" />
    </div>
  );
}
