// The Connectors page while it loads.

import { Paper, Skeleton, Title } from "@mantine/core";

const HEIGHT = 320;

export function ConnectorsLoading({ label }: { label: string }) {
  return (
    <>
      <div className="title-row">
        <Title order={1}>Connectors</Title>
        <div className="controls" aria-hidden="true">
          <Skeleton height={36} width={100} />
        </div>
      </div>
      <p className="freshness">{label}…</p>
      <ConnectorsSkeleton />
    </>
  );
}

export function ConnectorsSkeleton() {
  return (
    <div className="connectors-loading" aria-busy="true" aria-label="Loading connectors" role="status">
      <Paper withBorder className="card">
        <Skeleton height={HEIGHT} />
      </Paper>
    </div>
  );
}
