// The Connectors page of one organization, if the user has access. Its code loads when the page is opened.

import { useEffect } from "react";
import { Access, Denied } from "../shell/Access";
import { lazyPart } from "../shell/lazyPart";
import { Loaded } from "../shell/Loaded";
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
        <Loaded what="the connectors" loading={loading}>
          <ConnectorsReport organization={id} denied={<Denied organization={id} />} />
        </Loaded>
      )}
    </Access>
  );
}
