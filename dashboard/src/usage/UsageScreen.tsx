// The Usage page of one organization: a message if the URL is invalid, and the report if the user has access.

import { Alert } from "@mantine/core";
import { dismissUrlError, usePageLocation } from "../location/router";
import { Access, Denied } from "../shell/Access";
import { UsageLoading } from "./UsageLoading";
import { UsageReport } from "./UsageReport";

export function UsageScreen({ organization }: { organization: string | null }) {
  const { urlError } = usePageLocation();
  return (
    <>
      {urlError !== null && organization !== null && (
        <Alert
          role="alert"
          color="blue"
          variant="outline"
          className="notice"
          title={urlError}
          withCloseButton
          closeButtonLabel="Close this message"
          onClose={dismissUrlError}
        />
      )}
      <Access organization={organization} loading={<UsageLoading label="Loading" />}>
        {(id) => <UsageReport organization={id} denied={<Denied organization={id} />} />}
      </Access>
    </>
  );
}
