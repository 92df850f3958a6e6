// The breakdown of the range by agent, number, widget, workflow or channel, largest first.

import { Button, NativeSelect, Skeleton, Tabs, Title } from "@mantine/core";
import "@mantine/core/styles/Tabs.css";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { formats } from "../formats";
import { DIMENSION_LABELS, type Dimension, ORDER_LABELS, type SortOrder, isKeyOf } from "../location/options";
import { currentLocation, navigate, usePageLocation } from "../location/router";
import { queryClient } from "../queries";
import { utcDay } from "../range/days";
import { type Range, resolveRange } from "../range/range";
import { ErrorAlert } from "../shell/ErrorAlert";
import { FEW_ROWS, MANY_ROWS, breakdownOrder, breakdownQuery } from "./query";
import "./breakdown.css";
import { BreakdownRows } from "./BreakdownRows";

const EMPTY_TEXTS: Readonly<Record<Dimension, string>> = {
  agent: "No calls in this range.",
  number: "No calls in this range.",
  widget: "No calls in this range.",
  workflow: "No workflow runs in this range.",
  channel: "No calls in this range.",
};

interface Props {
  readonly organization: string;
  readonly range: Range;
}

/** Fetch the breakdown that the section shows first. */
export function prefetchBreakdown(organization: string): void {
  const { choice, by, order } = currentLocation();
  const range = resolveRange(choice, utcDay(Date.now()));
  const query = breakdownQuery(organization, range, by, order, FEW_ROWS);
  queryClient.query({ ...query, staleTime: 0 }).catch(() => undefined);
}

export default function BreakdownSection({ organization, range }: Props) {
  const { by, order } = usePageLocation();
  return (
    <section className="breakdown" aria-labelledby="breakdown">
      <div className="breakdown-head">
        <Title order={2} size="h4" id="breakdown">
          Breakdown
        </Title>
        {by !== "workflow" && <OrderControl order={order} />}
      </div>
      <Tabs
        value={by}
        keepMounted={false}
        onChange={(value) => {
          if (value !== null && isKeyOf(DIMENSION_LABELS, value)) navigate({ by: value }, "push");
        }}
      >
        <Tabs.List aria-labelledby="breakdown">
          {Object.entries(DIMENSION_LABELS).map(([value, label]) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={by}>
          <BreakdownPanel key={by} organization={organization} range={range} by={by} order={order} />
        </Tabs.Panel>
      </Tabs>
    </section>
  );
}

function OrderControl({ order }: { order: SortOrder }) {
  return (
    <label className="labelled">
      <span>Show</span>
      <NativeSelect
        size="xs"
        value={order}
        data={Object.entries(ORDER_LABELS).map(([value, label]) => ({ value, label }))}
        onChange={({ currentTarget: { value } }) => {
          if (isKeyOf(ORDER_LABELS, value)) navigate({ order: value }, "push");
        }}
      />
    </label>
  );
}

function BreakdownPanel({ organization, range, by, order }: Props & { by: Dimension; order: SortOrder }) {
  const [limit, setLimit] = useState(FEW_ROWS);
  const query = useQuery(breakdownQuery(organization, range, by, order, limit));
  const breakdown = query.data;
  if (breakdown === undefined) {
    return query.isError ? (
      <ErrorAlert
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title="Could not load the breakdown"
      />
    ) : (
      <div className="breakdown-skeleton" role="status" aria-label="Loading the breakdown">
        <Skeleton height="100%" />
      </div>
    );
  }
  const { rows, others } = breakdown;
  if (rows.length === 0) return <p className="breakdown-nothing">{EMPTY_TEXTS[by]}</p>;
  return (
    <div
      className={query.isPlaceholderData ? "breakdown-body outdated" : "breakdown-body"}
      aria-busy={query.isFetching}
    >
      {query.isError && (
        <p className="breakdown-error" role="status">
          Could not refresh the breakdown. {query.error.message}
        </p>
      )}
      <BreakdownRows by={by} order={breakdownOrder(by, order)} breakdown={breakdown} />
      <div className="breakdown-foot">
        {others.values > 0 && limit < MANY_ROWS && (
          <Button
            variant="default"
            size="xs"
            loading={query.isFetching}
            onClick={() => {
              setLimit(MANY_ROWS);
            }}
          >
            Show more
          </Button>
        )}
        {others.values > 0 && <span>The export has all {formats.count(rows.length + others.values)}</span>}
      </div>
    </div>
  );
}
