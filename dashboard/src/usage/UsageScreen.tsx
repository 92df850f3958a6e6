// The Usage page of one organization: who may see it, its range, and which state its figures are in.

import { Alert } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy, useEffect } from "react";
import { hasStatus } from "../api/errors";
import { BILLING, scopesQuery } from "../queries";
import { dismiss, usePlace, visit } from "../range/visit";
import { Failure } from "../shell/Failure";
import { Loading } from "./Loading";
import { Report } from "./Report";

const NoAccess = lazy(() => import("./NoAccess"));

export function UsageScreen({ organization }: { organization: string | null }) {
  const place = usePlace();
  useEffect(() => {
    if (organization !== null && place.organization !== organization) {
      visit({ organization }, "replace");
    }
  }, [organization, place]);
  if (organization === null) return <Denied organization={null} />;
  return (
    <>
      {place.wrong !== null && (
        <Alert
          role="alert"
          color="blue"
          variant="outline"
          className="notice"
          title={place.wrong}
          withCloseButton
          closeButtonLabel="Close this message"
          onClose={dismiss}
        />
      )}
      <Allowed organization={organization} />
    </>
  );
}

/** Asks what the session may first: without the scope, the summary is never requested. */
function Allowed({ organization }: { organization: string }) {
  const scopes = useQuery(scopesQuery(organization));
  if (hasStatus(scopes.error, 403)) return <Denied organization={organization} />;
  if (scopes.data !== undefined) {
    return scopes.data.includes(BILLING) ? (
      <Report organization={organization} denied={<Denied organization={organization} />} />
    ) : (
      <Denied organization={organization} />
    );
  }
  if (scopes.error !== null && !hasStatus(scopes.error, 401)) {
    return <Failure error={scopes.error} retry={() => void scopes.refetch()} busy={scopes.isFetching} />;
  }
  return <Loading what="Loading" />;
}

function Denied({ organization }: { organization: string | null }) {
  return (
    <Suspense fallback={null}>
      <NoAccess organization={organization} />
    </Suspense>
  );
}
