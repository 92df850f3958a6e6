// The Connectors page of one organization, for those who may see it; its parts are loaded when it is opened.

import { Suspense, useEffect } from "react";
import { Access, Denied } from "../shell/Access";
import { Boundary } from "../shell/Boundary";
import { Connectors, loadConnectors } from "./load";
import { ConnectorsLoading } from "./Loading";

const FAILED = (
  <p role="alert" className="message">
    The connectors could not be loaded. Reload the page to try again.
  </p>
);

export function ConnectorsScreen({ organization }: { organization: string | null }) {
  useEffect(loadConnectors, []);
  const loading = <ConnectorsLoading what="Loading" />;
  return (
    <Access organization={organization} loading={loading}>
      {(id) => (
        <Boundary failed={FAILED}>
          <Suspense fallback={loading}>
            <Connectors organization={id} denied={<Denied organization={id} />} />
          </Suspense>
        </Boundary>
      )}
    </Access>
  );
}
