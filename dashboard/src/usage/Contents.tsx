// What stands below the title: a brand-new organization, an empty range, or cards, charts and inventory, in this order.

import { Suspense, lazy } from "react";
import { type Summary } from "../api/shapes";
import { Charts } from "../charts/Charts";
import { type Day } from "../range/days";
import { type Choice, type Range } from "../range/range";
import { Cards } from "./Cards";
import { EmptyRange } from "./EmptyRange";
import { Inventory } from "./Inventory";

const BrandNew = lazy(() => import("./BrandNew"));

interface Props {
  readonly organization: string;
  readonly summary: Summary;
  readonly range: Range;
  readonly today: Day;
  readonly choose: (choice: Choice) => void;
}

export function Contents({ organization, summary, range, today, choose }: Props) {
  if (summary.last_event_at === null) {
    return (
      <Suspense fallback={null}>
        <BrandNew organization={organization} />
      </Suspense>
    );
  }
  const empty = summary.total_calls === 0 && summary.workflow_runs_total === 0;
  return (
    <>
      <Cards summary={summary} />
      {empty ? (
        <EmptyRange range={range} today={today} choose={choose} />
      ) : (
        <Charts summary={summary} today={today} />
      )}
      <Inventory summary={summary} />
    </>
  );
}
