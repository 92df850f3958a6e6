// The Usage page while it loads: skeletons of the final height, to avoid layout shift.

import { Paper, Skeleton, Title } from "@mantine/core";
import { usePageLocation } from "../location/router";

export function UsageLoading({ label }: { label: string }) {
  return (
    <>
      <div className="title-row">
        <Title order={1}>Usage</Title>
        <div className="controls" aria-hidden="true">
          <Skeleton className="labelled" height={36} width={250} />
          <Skeleton className="range" height={36} width={220} />
          <Skeleton className="export" height={36} width={105} />
          <Skeleton height={36} width={100} />
        </div>
      </div>
      <p className="freshness">{label}…</p>
      <UsageSkeleton />
    </>
  );
}

export function UsageSkeleton() {
  const { compare } = usePageLocation();
  return (
    <div aria-busy="true" aria-label="Loading the figures" role="status">
      <div className={compare === "none" ? "cards" : "cards compared"}>
        {["one", "two", "three", "four"].map((name) => (
          <Paper key={name} withBorder className="card">
            <Skeleton height={14} width="45%" />
            <Skeleton height={28} width="65%" my={8} />
            <Skeleton height={14} width="55%" />
          </Paper>
        ))}
      </div>
      <p className="live" />
      <div className="charts">
        {["line", "line", "bar wide"].map((kind, index) => (
          <Paper key={index} withBorder className={`chart ${kind}`}>
            <div className="chart-head">
              <Skeleton height={20} width={140} />
            </div>
            <Skeleton className="chart-body" />
            <p className="chart-foot" />
          </Paper>
        ))}
      </div>
    </div>
  );
}
