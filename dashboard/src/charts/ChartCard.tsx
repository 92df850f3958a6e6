// A chart with its title, and the same figures as a table, which works even where the drawing fails.

import { Button, Paper, Skeleton, Title } from "@mantine/core";
import { Suspense, useId, useMemo, useState } from "react";
import { type Summary } from "../api/shapes";
import { type Day } from "../range/days";
import { Boundary } from "../shell/Boundary";
import { ChartTable } from "./ChartTable";
import { Legend } from "./Legend";
import { Drawing } from "./load";
import { type Chart, pointsOf } from "./series";

const FAILED = (
  <p className="chart-failed" role="alert">
    This chart could not be drawn. Its table has the same figures; a reload may bring the chart back.
  </p>
);

interface Props {
  readonly chart: Chart;
  readonly summary: Summary;
  readonly today: Day;
}

export function ChartCard({ chart, summary, today }: Props) {
  const id = useId();
  const [asTable, setAsTable] = useState(false);
  const points = useMemo(() => pointsOf(summary.daily, chart.field, today), [summary, chart, today]);
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
          <Boundary failed={FAILED}>
            <Suspense fallback={<Skeleton height="100%" />}>
              <Drawing chart={chart} points={points} />
            </Suspense>
          </Boundary>
        )}
      </div>
      <Legend chart={chart} points={points} today={today} />
    </Paper>
  );
}
