// The connectors of an organization: whether messages come, and what becomes of them.

import { Button, Title } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { type ReactNode } from "react";
import { type Connectors as Answer, getConnectors } from "../api/connectors";
import { hasStatus } from "../api/errors";
import { formats } from "../formats";
import { Failure } from "../shell/Failure";
import { Again } from "../shell/icons";
import { OneConnector } from "./Connector";
import "./connectors.css";
import { ConnectorsSkeleton } from "./Loading";
import { NoConnector } from "./NoConnector";

interface Props {
  readonly organization: string;
  readonly denied: ReactNode;
}

function connectorsQuery(organization: string) {
  return queryOptions({
    queryKey: ["connectors", organization],
    queryFn: ({ signal }): Promise<Answer> => getConnectors(organization, signal),
  });
}

export default function Connectors({ organization, denied }: Props) {
  const query = useQuery(connectorsQuery(organization));
  const { data, error } = query;
  if (hasStatus(error, 403)) return denied;
  const refresh = () => void query.refetch();
  return (
    <>
      <div className="title-row">
        <Title order={1}>Connectors</Title>
        <div className="controls">
          <Button variant="default" leftSection={<Again />} loading={query.isFetching} onClick={refresh}>
            Refresh
          </Button>
        </div>
      </div>
      <p className="freshness" role="status">
        {data === undefined ? (
          <span>Loading…</span>
        ) : (
          <>
            {data.connectors.length > 0 && <span>Messages of the last 7 days, days in UTC</span>}
            <span>as of {formats.exact(Date.parse(data.as_of))}</span>
          </>
        )}
      </p>
      {error !== null && !hasStatus(error, 401) && (
        <Failure
          error={error}
          retry={refresh}
          busy={query.isFetching}
          title={
            data === undefined
              ? "The connectors could not be fetched"
              : `The connectors could not be refreshed; these are of ${formats.time(Date.parse(data.as_of))}`
          }
        />
      )}
      {data === undefined && query.isPending && <ConnectorsSkeleton />}
      {data !== undefined && <List organization={organization} answer={data} busy={query.isFetching} />}
    </>
  );
}

function List({ organization, answer, busy }: { organization: string; answer: Answer; busy: boolean }) {
  if (answer.connectors.length === 0) return <NoConnector organization={organization} />;
  return (
    <div className="connectors" aria-busy={busy}>
      {answer.connectors.map((connector) => (
        <OneConnector key={connector.id} connector={connector} now={Date.parse(answer.as_of)} />
      ))}
    </div>
  );
}
