// Costs and budgets in the page: loads their code and their first data in parallel with the summary.

import { Skeleton } from "@mantine/core";
import { type Day } from "../range/days";
import { type Range } from "../range/range";
import { lazyPart } from "../shell/lazyPart";
import { expectedHeight } from "../shell/heights";
import { Loaded } from "../shell/Loaded";

const load = () => import("./CostsAndBudgets");
const CostsAndBudgets = lazyPart(load);

export interface CostsProps {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
}

/** Start loading everything. Errors are ignored here; the components show them. */
export function loadCosts(organization: string): void {
  load().then(
    ({ prefetch }) => {
      prefetch(organization);
    },
    () => undefined,
  );
}

/** The costs and budgets of an organization; nothing if it has neither. */
export function Costs(props: CostsProps) {
  return (
    <Loaded what="costs and budgets" loading={<CostsLoading organization={props.organization} />}>
      <CostsAndBudgets {...props} />
    </Loaded>
  );
}

/** The name by which the height of the Cost section is remembered. */
export function costsPart(organization: string): string {
  return `costs ${organization}`;
}

export function CostsLoading({ organization }: { organization: string }) {
  const height = expectedHeight(costsPart(organization));
  if (height === null) return null;
  return (
    <div className="costs-loading" style={{ height }} role="status" aria-label="Loading the costs">
      <Skeleton height="100%" />
    </div>
  );
}
