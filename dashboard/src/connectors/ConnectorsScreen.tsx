// The Connectors page of one organization, if the user has access. Its code loads when the page is opened.

import { Suspense, useEffect } from "react";
import { Access, Denied } from "../shell/Access";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { lazyPart } from "../shell/lazyPart";
import { LoadFailure } from "../shell/LoadFailure";
import { ConnectorsLoading } from "./ConnectorsLoading";

const ConnectorsReport = lazyPart(() => import("./ConnectorsReport"));

export function ConnectorsScreen({ organization }: { organization: string | null }) {
  // Load the code in parallel with the access check.
  useEffect(() => {
    ConnectorsReport.preload();
  }, []);
  const loading = <ConnectorsLoading label="Loading" />;
  return (
    <Access organization={organization} loading={loading}>
      {(id) => (
        <ErrorBoundary fallback={(retry) => <LoadFailure what="the connectors" retry={retry} />}>
          <Suspense fallback={loading}>
            <ConnectorsReport organization={id} denied={<Denied organization={id} />} />
          </Suspense>
        </ErrorBoundary>
      )}
    </Access>
  );
}
