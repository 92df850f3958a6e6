// The breakdown of the range by agent, number, widget, workflow or channel: tabs, each with a table.

import { Tabs, Title } from "@mantine/core";
import "@mantine/core/styles/Tabs.css";
import { filtersRuns } from "../location/filter";
import { DIMENSION_LABELS, type Dimension, availableComparison, isKeyOf } from "../location/options";
import { currentLocation, navigate, usePageLocation } from "../location/router";
import { queryClient } from "../queries";
import { utcDay } from "../range/days";
import { type Range, resolveRange } from "../range/range";
import { BreakdownPanel } from "./BreakdownPanel";
import "./breakdown.css";
import { FEW_ROWS, type BreakdownView, breakdownQuery } from "./query";
import "./table.css";

interface Props {
  readonly organization: string;
  readonly range: Range;
}

/** Fetch the breakdown that the section shows first. */
export function prefetchBreakdown(organization: string): void {
  const location = currentLocation();
  const range = resolveRange(location.choice, utcDay(Date.now()));
  const view = viewOf(location, range);
  if (view === null) return;
  queryClient
    .query({ ...breakdownQuery(organization, range, view, FEW_ROWS), staleTime: 0 })
    .catch(() => undefined);
}

export default function BreakdownSection({ organization, range }: Props) {
  const location = usePageLocation();
  const view = viewOf(location, range);
  return (
    <section className="breakdown" aria-labelledby="breakdown">
      <Title order={2} id="breakdown" className="section-name">
        Breakdown
      </Title>
      {view === null ? (
        <p className="breakdown-nothing">
          Workflow runs have no agent, number, widget or channel to break them down by.
        </p>
      ) : (
        <Tabs
          value={view.by}
          keepMounted={false}
          onChange={(value) => {
            if (value !== null && isKeyOf(DIMENSION_LABELS, value)) navigate({ by: value }, "push");
          }}
        >
          <Tabs.List aria-labelledby="breakdown">
            {dimensionsFor(location).map((dimension) => (
              <Tabs.Tab key={dimension} value={dimension}>
                {DIMENSION_LABELS[dimension]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value={view.by}>
            <BreakdownPanel key={view.by} organization={organization} range={range} view={view} />
          </Tabs.Panel>
        </Tabs>
      )}
    </section>
  );
}

/** Return the dimensions that the page's filter can be broken down by: not its own, and calls only by those of calls. */
function dimensionsFor({ filter }: Pick<BreakdownView, "filter">): readonly Dimension[] {
  const all = Object.keys(DIMENSION_LABELS) as readonly Dimension[];
  if (filter === null) return all;
  if (filtersRuns(filter)) return [];
  return all.filter((dimension) => dimension !== filter.by && dimension !== "workflow");
}

/** Return what the section shows; null if the page's filter cannot be broken down. */
function viewOf({ by, order, compare, filter }: BreakdownView, range: Range): BreakdownView | null {
  const dimensions = dimensionsFor({ filter });
  const shown = dimensions.includes(by) ? by : dimensions[0];
  return shown === undefined
    ? null
    : { by: shown, order, compare: availableComparison(range, compare), filter };
}
