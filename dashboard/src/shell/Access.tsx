// Who may see a screen: what the session may is asked first, and without the scope nothing else is requested.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense, lazy, useEffect } from "react";
import { hasStatus } from "../api/errors";
import { BILLING, scopesQuery } from "../queries";
import { usePlace, visit } from "../range/visit";
import { Failure } from "./Failure";

const NoAccess = lazy(() => import("../usage/NoAccess"));

interface Props {
  readonly organization: string | null;
  /** What stands there until it is known who may. */
  readonly loading: ReactNode;
  readonly children: (organization: string) => ReactNode;
}

export function Access({ organization, loading, children }: Props) {
  const place = usePlace();
  useEffect(() => {
    if (organization !== null && place.organization !== organization) {
      visit({ organization }, "replace");
    }
  }, [organization, place]);
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
    return scopes.data.includes(BILLING) ? children(organization) : <Denied organization={organization} />;
  }
  if (scopes.error !== null && !hasStatus(scopes.error, 401)) {
    return <Failure error={scopes.error} retry={() => void scopes.refetch()} busy={scopes.isFetching} />;
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
