// The Usage page of one organization: what was wrong with its address, and its figures for those who may see them.

import { Alert } from "@mantine/core";
import { dismiss, usePlace } from "../range/visit";
import { Access, Denied } from "../shell/Access";
import { Loading } from "./Loading";
import { Report } from "./Report";

export function UsageScreen({ organization }: { organization: string | null }) {
  const { wrong } = usePlace();
  return (
    <>
      {wrong !== null && organization !== null && (
        <Alert
          role="alert"
          color="blue"
          variant="outline"
          className="notice"
          title={wrong}
          withCloseButton
          closeButtonLabel="Close this message"
          onClose={dismiss}
        />
      )}
      <Access organization={organization} loading={<Loading what="Loading" />}>
        {(id) => <Report organization={id} denied={<Denied organization={id} />} />}
      </Access>
    </>
  );
}
