// What stands below the title: a brand-new organization, an empty range, or cards, charts,
// what drives the usage, and inventory, in this order.

import { Paper, Skeleton } from "@mantine/core";
import { Suspense, lazy } from "react";
import { type Summary } from "../api/shapes";
import { Charts } from "../charts/Charts";
import { Drives } from "../drives/load";
import { type Day } from "../range/days";
import { type Choice, type Range } from "../range/range";
import { Boundary } from "../shell/Boundary";
import { Cards } from "./Cards";
import { EmptyRange } from "./EmptyRange";
import { Inventory } from "./Inventory";
import { Live } from "./Live";

const BrandNew = lazy(() => import("./BrandNew"));
const DRIVES_FAILED = (
  <p role="alert" className="part-failed">
    What drives the usage could not be loaded. Reload the page to try again.
  </p>
);

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
      <Cards summary={summary} today={today} />
      <Live summary={summary} range={range} />
      {empty ? (
        <EmptyRange range={range} today={today} choose={choose} />
      ) : (
        <>
          <Charts summary={summary} today={today} />
          <Boundary failed={DRIVES_FAILED}>
            <Suspense
              fallback={
                <Paper withBorder className="drives-loading">
                  <Skeleton height="100%" />
                </Paper>
              }
            >
              <Drives organization={organization} range={range} />
            </Suspense>
          </Boundary>
        </>
      )}
      <Inventory summary={summary} />
    </>
  );
}
