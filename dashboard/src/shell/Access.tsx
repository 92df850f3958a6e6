// Access control of a screen: checks the session's scopes before anything else is requested.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense, useEffect } from "react";
import { hasStatus } from "../api/errors";
import { navigate, usePageLocation } from "../location/router";
import { BILLING_SCOPE, scopesQuery } from "../queries";
import { ErrorAlert } from "./ErrorAlert";
import { lazyPart } from "./lazyPart";

const NoAccess = lazyPart(() => import("./NoAccess"));

interface Props {
  readonly organization: string | null;
  /** Shown until the scopes are known. */
  readonly loading: ReactNode;
  readonly children: (organization: string) => ReactNode;
}

export function Access({ organization, loading, children }: Props) {
  const location = usePageLocation();
  useEffect(() => {
    if (organization !== null && location.organization !== organization) {
      navigate({ organization }, "replace");
    }
  }, [organization, location]);
  if (organization === null) return <Denied organization={null} />;
  return (
    <Allowed organization={organization} loading={loading}>
      {children}
    </Allowed>
  );
}

function Allowed({ organization, loading, children }: Props & { organization: string }) {
  const scopes = useQuery(scopesQuery(organization));
  if (hasStatus(scopes.error, 403)) return <Denied organization={organization} />;
  if (scopes.data !== undefined) {
    return scopes.data.includes(BILLING_SCOPE) ? (
      children(organization)
    ) : (
      <Denied organization={organization} />
    );
  }
  if (scopes.error !== null && !hasStatus(scopes.error, 401)) {
    return <ErrorAlert error={scopes.error} retry={() => void scopes.refetch()} busy={scopes.isFetching} />;
  }
  return loading;
}

export function Denied({ organization }: { organization: string | null }) {
  return (
    <Suspense fallback={null}>
      <NoAccess organization={organization} />
    </Suspense>
  );
}
