// The chart of the cost per day, or per month of a long range. It can be switched to a table.

import { Button, Paper, Skeleton, Title } from "@mantine/core";
import { Suspense, useMemo, useState } from "react";
import { type Costs } from "../api/costs";
import { type Day } from "../range/days";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { lazyPart } from "../shell/lazyPart";
import { LoadFailure } from "../shell/LoadFailure";
import { CostLegend } from "./CostLegend";
import { CostTable } from "./CostTable";
import { type Money } from "./money";
import { costSeries, hiddenAtFirst } from "./series";

const CostPlot = lazyPart(() => import("./CostPlot"));

interface Props {
  readonly costs: Costs;
  readonly total: string;
  readonly today: Day;
  readonly money: Money;
}

export function CostChart({ costs, total, today, money }: Props) {
  const [asTable, setAsTable] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string> | null>(null);
  const series = useMemo(() => costSeries(costs, today), [costs, today]);
  const hidden = useMemo(() => chosen ?? hiddenAtFirst(series), [chosen, series]);
  const drawn = useMemo(
    () => ({ ...series, parts: series.parts.filter(({ id }) => !hidden.has(id)) }),
    [series, hidden],
  );
  const title = `Cost per ${series.grain}`;
  return (
    <Paper
      withBorder
      component="section"
      className="cost-chart"
      aria-labelledby="cost-chart"
      data-table={asTable}
    >
      <div className="cost-block-head">
        <Title order={3} id="cost-chart" className="cost-block-name">
          {title}
        </Title>
        <Button
          variant="transparent"
          size="compact-xs"
          className="as-table"
          aria-label={`${title}: view as ${asTable ? "chart" : "table"}`}
          onClick={() => {
            setAsTable(!asTable);
          }}
        >
          View as {asTable ? "chart" : "table"}
        </Button>
      </div>
      <div className="cost-chart-body">
        {asTable ? (
          <CostTable series={series} total={total} money={money} />
        ) : (
          <ErrorBoundary fallback={(retry) => <LoadFailure what="this chart" retry={retry} />}>
            <Suspense fallback={<Skeleton height="100%" />}>
              <CostPlot series={drawn} parts={series.parts} money={money} />
            </Suspense>
          </ErrorBoundary>
        )}
      </div>
      <CostLegend
        series={series}
        hidden={hidden}
        toggle={(id) => {
          const after = new Set(hidden);
          if (!after.delete(id)) after.add(id);
          setChosen(after);
        }}
      />
    </Paper>
  );
}
