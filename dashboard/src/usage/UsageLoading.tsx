// The Usage page while it loads: skeletons of the final height, to avoid layout shift.

import { Paper, Skeleton, Title } from "@mantine/core";
import { filtersRuns } from "../location/filter";
import { usePageLocation } from "../location/router";

export function UsageLoading({ label }: { label: string }) {
  return (
    <>
      <div className="title-row">
        <div className="title">
          <Title order={1}>Usage</Title>
        </div>
        <div className="controls" aria-hidden="true">
          <Skeleton className="comparison" height={36} />
          <Skeleton className="range range-skeleton" height={36} />
          <div className="actions">
            <Skeleton className="export-skeleton" height={36} />
            <Skeleton height={36} width={36} />
            <Skeleton height={36} width={36} />
          </div>
        </div>
      </div>
      <p className="status-line">{label}…</p>
      <UsageSkeleton />
    </>
  );
}

export function UsageSkeleton() {
  const { compare, filter } = usePageLocation();
  const onlyRuns = filter !== null && filtersRuns(filter);
  const cards = filter === null ? 4 : onlyRuns ? 1 : 3;
  return (
    <div aria-busy="true" aria-label="Loading the figures" role="status">
      <div className={compare === "none" ? "cards" : "cards compared"}>
        {Array.from({ length: cards }, (_, index) => (
          <Paper key={index} withBorder className="card">
            <div className="card-head">
              <Skeleton height={14} width="45%" />
            </div>
            <Skeleton height={28} width="65%" my={6} />
            <Skeleton height={14} width="55%" />
          </Paper>
        ))}
      </div>
      <div className="section-head charts-head" />
      <div className="charts">
        {Array.from({ length: cards }, (_, index) => (
          <Paper key={index} withBorder className="chart">
            <div className="chart-head">
              <Skeleton height={16} width={140} />
            </div>
            <Skeleton className="chart-body" />
            <p className="chart-foot" />
          </Paper>
        ))}
      </div>
    </div>
  );
}
