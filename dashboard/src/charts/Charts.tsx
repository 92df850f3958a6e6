// The charts of the Usage page, in the order of usage-and-metering.md.

import { Button, Paper, Skeleton, Title } from "@mantine/core";
import { Suspense, useCallback, useId, useMemo, useState } from "react";
import { formats } from "../formats";
import { type Grain } from "../location/options";
import { navigate, usePageLocation } from "../location/router";
import { type Range, type RangeChoice } from "../range/range";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { type Figures } from "../usage/figures";
import { ChartTable } from "./ChartTable";
import { GrainControl } from "./GrainControl";
import { Legend } from "./Legend";
import { Drawing } from "./load";
import { PointedContext } from "./pointed";
import { type Chart, type ChartPoint, chartPoints, chartsOf, partTotals, recordsOnDay } from "./series";

const FAILED = (
  <p className="chart-failed" role="alert">
    Could not draw this chart. Its table has the same figures. Reload the page to try again.
  </p>
);

interface Props {
  readonly figures: Figures;
  readonly range: Range;
  /** Milliseconds since 1970; the interval that contains it is not over. */
  readonly now: number;
  readonly choose: (choice: RangeChoice) => void;
}

export function Charts({ figures, range, now, choose }: Props) {
  const [pointed, point] = useState<Chart["field"] | null>(null);
  const context = useMemo(() => ({ pointed, point }), [pointed]);
  return (
    <section aria-labelledby="charts">
      <div className="section-head charts-head">
        <Title order={2} id="charts" className="section-name">
          Over time
        </Title>
        <GrainControl range={range} grain={figures.grain} />
      </div>
      <PointedContext value={context}>
        <div className="charts">
          {chartsOf(figures).map((chart) => (
            <ChartCard key={chart.field} chart={chart} figures={figures} now={now} choose={choose} />
          ))}
        </div>
      </PointedContext>
    </section>
  );
}

type CardProps = Omit<Props, "range"> & { readonly chart: Chart };

/** A chart that can be switched to a table. The table works even if the drawing fails. */
function ChartCard({ chart, figures, now, choose }: CardProps) {
  const id = useId();
  const [asTable, setAsTable] = useState(false);
  const { grain } = figures;
  const title = chart.title(grain);
  const points = useMemo(() => chartPoints(figures, chart, now, formats), [figures, chart, now]);
  const open = useOpen(chart, grain, choose);
  return (
    <Paper
      withBorder
      component="section"
      className={`chart ${chart.kind}`}
      aria-labelledby={id}
      data-table={asTable}
    >
      <div className="chart-head">
        <Title order={3} id={id} className="chart-name">
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
          {asTable ? "Chart" : "Table"}
        </Button>
      </div>
      <div className="chart-body">
        {asTable ? (
          <ChartTable
            chart={chart}
            points={points}
            grain={grain}
            total={figures.totals[chart.total] ?? 0}
            parts={partTotals(chart, figures)}
            earlierTotal={figures.comparison?.figures[chart.total]?.then ?? null}
          />
        ) : (
          <ErrorBoundary fallback={FAILED}>
            <Suspense fallback={<Skeleton height="100%" />}>
              <Drawing chart={chart} points={points} grain={grain} open={open} choose={choose} />
            </Suspense>
          </ErrorBoundary>
        )}
      </div>
      <Legend chart={chart} points={points} grain={grain} />
    </Paper>
  );
}

/** An interval opens its day's list; a week or month, which a list cannot be limited to, becomes the range. */
function useOpen(chart: Chart, grain: Grain, choose: Props["choose"]): (point: ChartPoint) => void {
  const { filter } = usePageLocation();
  return useCallback(
    ({ from, to }: ChartPoint) => {
      if (grain === "week" || grain === "month") choose({ from, to });
      else navigate({ records: recordsOnDay(chart, from, filter) }, "push");
    },
    [chart, grain, choose, filter],
  );
}
