// The charts of the Usage page, in the order of usage-and-metering.md.

import { Button, Paper, Skeleton, Title } from "@mantine/core";
import { Suspense, useId, useMemo, useState } from "react";
import { type Summary } from "../api/shapes";
import { type Day } from "../range/days";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { ChartTable } from "./ChartTable";
import { Legend } from "./Legend";
import { Drawing } from "./load";
import { type Chart, chartPoints, chartsOf } from "./series";

const FAILED = (
  <p className="chart-failed" role="alert">
    Could not draw this chart. Its table has the same figures. Reload the page to try again.
  </p>
);

interface ChartCardProps {
  readonly chart: Chart;
  readonly summary: Summary;
  readonly today: Day;
}

export function Charts({ summary, today }: Omit<ChartCardProps, "chart">) {
  return (
    <div className="charts">
      {chartsOf(summary).map((chart) => (
        <ChartCard key={chart.field} chart={chart} summary={summary} today={today} />
      ))}
    </div>
  );
}

/** A chart that can be switched to a table. The table works even if the drawing fails. */
function ChartCard({ chart, summary, today }: ChartCardProps) {
  const id = useId();
  const [asTable, setAsTable] = useState(false);
  const points = useMemo(() => chartPoints(summary.daily, chart.field, today), [summary, chart, today]);
  return (
    <Paper
      withBorder
      component="section"
      className={`chart ${chart.kind}`}
      aria-labelledby={id}
      data-table={asTable}
    >
      <div className="chart-head">
        <Title order={2} id={id} className="chart-name">
          {chart.title}
        </Title>
        <Button
          variant="transparent"
          size="compact-xs"
          className="as-table"
          aria-label={`${chart.title}: view as ${asTable ? "chart" : "table"}`}
          onClick={() => {
            setAsTable(!asTable);
          }}
        >
          View as {asTable ? "chart" : "table"}
        </Button>
      </div>
      <div className="chart-body">
        {asTable ? (
          <ChartTable chart={chart} points={points} total={summary[chart.total]} />
        ) : (
          <ErrorBoundary fallback={FAILED}>
            <Suspense fallback={<Skeleton height="100%" />}>
              <Drawing chart={chart} points={points} />
            </Suspense>
          </ErrorBoundary>
        )}
      </div>
      <Legend chart={chart} points={points} today={today} />
    </Paper>
  );
}
