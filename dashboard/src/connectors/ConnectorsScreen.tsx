// The Connectors page of one organization, if the user has access. Its code loads when the page is opened.

import { Suspense, lazy, useEffect } from "react";
import { Access, Denied } from "../shell/Access";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { ConnectorsLoading } from "./ConnectorsLoading";

const load = () => import("./ConnectorsReport");
const ConnectorsReport = lazy(load);
const FAILED = (
  <p role="alert" className="message">
    Could not load the connectors. Reload the page to try again.
  </p>
);

export function ConnectorsScreen({ organization }: { organization: string | null }) {
  useEffect(() => {
    // Load the code in parallel with the access check. Errors are ignored here; the boundary shows them.
    load().catch(() => undefined);
  }, []);
  const loading = <ConnectorsLoading label="Loading" />;
  return (
    <Access organization={organization} loading={loading}>
      {(id) => (
        <ErrorBoundary fallback={FAILED}>
          <Suspense fallback={loading}>
            <ConnectorsReport organization={id} denied={<Denied organization={id} />} />
          </Suspense>
        </ErrorBoundary>
      )}
    </Access>
  );
}
