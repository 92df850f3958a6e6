// The content of the Usage page: cards, charts, breakdown and inventory; or the first-event or empty-range message.

import { Paper, Skeleton } from "@mantine/core";
import { Suspense } from "react";
import { type Summary } from "../api/shapes";
import { BreakdownSection } from "../breakdown/load";
import { Charts } from "../charts/Charts";
import { type Day } from "../range/days";
import { type Range, type RangeChoice } from "../range/range";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { lazyPart } from "../shell/lazyPart";
import { LoadFailure } from "../shell/LoadFailure";
import { EmptyRange } from "./EmptyRange";
import { Inventory } from "./Inventory";
import { LiveStatus } from "./LiveStatus";
import { SummaryCards } from "./SummaryCards";

const FirstEvent = lazyPart(() => import("./FirstEvent"));

interface Props {
  readonly organization: string;
  readonly summary: Summary;
  readonly range: Range;
  readonly today: Day;
  readonly choose: (choice: RangeChoice) => void;
}

export function UsageContents({ organization, summary, range, today, choose }: Props) {
  if (summary.last_event_at === null) {
    return (
      <ErrorBoundary fallback={(retry) => <LoadFailure what="this screen" retry={retry} />}>
        <Suspense fallback={null}>
          <FirstEvent organization={organization} />
        </Suspense>
      </ErrorBoundary>
    );
  }
  const empty = summary.total_calls === 0 && summary.workflow_runs_total === 0;
  return (
    <>
      <SummaryCards summary={summary} today={today} />
      <LiveStatus summary={summary} range={range} />
      {empty ? (
        <EmptyRange range={range} today={today} choose={choose} />
      ) : (
        <>
          <Charts summary={summary} today={today} />
          <ErrorBoundary fallback={(retry) => <LoadFailure what="the breakdown" retry={retry} />}>
            <Suspense
              fallback={
                <Paper withBorder className="breakdown-loading">
                  <Skeleton height="100%" />
                </Paper>
              }
            >
              <BreakdownSection organization={organization} range={range} />
            </Suspense>
          </ErrorBoundary>
        </>
      )}
      <Inventory summary={summary} />
    </>
  );
}
