// The Usage page of one organization: a message if the URL is invalid, and the report if the user has access.

import { dismissUrlError, usePageLocation } from "../location/router";
import { Access, Denied } from "../shell/Access";
import { Notice } from "../shell/Notice";
import { UsageLoading } from "./UsageLoading";
import { UsageReport } from "./UsageReport";

export function UsageScreen({ organization }: { organization: string | null }) {
  const { urlError } = usePageLocation();
  return (
    <>
      {urlError !== null && organization !== null && (
        <Notice role="alert" title={urlError} close={dismissUrlError} />
      )}
      <Access organization={organization} loading={<UsageLoading label="Loading" />}>
        {(id) => <UsageReport organization={id} denied={<Denied organization={id} />} />}
      </Access>
    </>
  );
}
