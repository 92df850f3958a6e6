// The connectors of an organization: whether webhooks arrive, and their outcomes.

import { Button, Title } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { type ReactNode } from "react";
import { type Connectors, getConnectors } from "../api/connectors";
import { hasStatus } from "../api/errors";
import { formats } from "../formats";
import { scopesQuery } from "../queries";
import { ErrorAlert } from "../shell/ErrorAlert";
import { RefreshIcon } from "../shell/icons";
import { ConnectorCard } from "./ConnectorCard";
import "./connectors.css";
import { ConnectorsSkeleton } from "./ConnectorsLoading";
import { NoConnectors } from "./NoConnectors";

interface Props {
  readonly organization: string;
  readonly denied: ReactNode;
}

/** Who manages organizations can run commands where Talkmeter is installed, or knows who can. */
const OPERATOR_SCOPE = "organizations:manage";

function connectorsQuery(organization: string) {
  return queryOptions({
    queryKey: ["connectors", organization],
    queryFn: ({ signal }): Promise<Connectors> => getConnectors(organization, signal),
  });
}

export default function ConnectorsReport({ organization, denied }: Props) {
  const query = useQuery(connectorsQuery(organization));
  const operator = useQuery(scopesQuery(organization)).data?.includes(OPERATOR_SCOPE) ?? false;
  const { data, error } = query;
  if (hasStatus(error, 403)) return denied;
  const refresh = () => void query.refetch();
  return (
    <>
      <div className="title-row">
        <Title order={1}>Connectors</Title>
        <div className="controls">
          <Button
            variant="default"
            leftSection={<RefreshIcon />}
            loading={query.isFetching}
            onClick={refresh}
          >
            Refresh
          </Button>
        </div>
      </div>
      <p className="freshness" role="status">
        {data === undefined ? (
          <span>Loading…</span>
        ) : (
          <>
            {data.connectors.length > 0 && <span>Webhooks in the last 7 days (UTC)</span>}
            <span>Updated {formats.preciseInstant(Date.parse(data.as_of))}</span>
          </>
        )}
      </p>
      {error !== null && !hasStatus(error, 401) && (
        <ErrorAlert
          error={error}
          retry={refresh}
          busy={query.isFetching}
          title={
            data === undefined
              ? "Could not load the connectors"
              : `Could not refresh the connectors. The data is from ${formats.time(Date.parse(data.as_of))}`
          }
        />
      )}
      {data === undefined && query.isPending && <ConnectorsSkeleton />}
      {data !== undefined && (
        <ConnectorList
          organization={organization}
          operator={operator}
          health={data}
          busy={query.isFetching}
        />
      )}
    </>
  );
}

interface ConnectorListProps {
  readonly organization: string;
  readonly operator: boolean;
  readonly health: Connectors;
  readonly busy: boolean;
}

function ConnectorList({ organization, operator, health, busy }: ConnectorListProps) {
  if (health.connectors.length === 0) return <NoConnectors organization={organization} operator={operator} />;
  return (
    <div className="connectors" aria-busy={busy}>
      {health.connectors.map((connector) => (
        <ConnectorCard
          key={connector.id}
          connector={connector}
          now={Date.parse(health.as_of)}
          operator={operator}
        />
      ))}
    </div>
  );
}
