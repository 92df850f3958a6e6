// Access control of a screen, by the scopes of the session. Until the session is known, a browser that had access is trusted;
// the server checks every request anyway.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { hasStatus } from "../api/errors";
import { navigate, usePageLocation } from "../location/router";
import { BILLING_SCOPE, scopesQuery, sessionQuery } from "../queries";
import { ErrorAlert } from "./ErrorAlert";
import { isAccessKnown, rememberAccess } from "./knownAccess";
import { lazyPart } from "./lazyPart";
import { Loaded } from "./Loaded";

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
  const session = useQuery(sessionQuery);
  const signedIn = session.data !== undefined;
  const scopes = useQuery({ ...scopesQuery(organization), enabled: signedIn });
  const allowed = scopes.data?.includes(BILLING_SCOPE);
  const denied = allowed === false || hasStatus(scopes.error, 403);
  useEffect(() => {
    if (allowed === true) rememberAccess(organization);
    else if (denied) rememberAccess(null);
  }, [allowed, denied, organization]);
  if (denied) return <Denied organization={organization} />;
  if (allowed === true || isAccessKnown(organization)) return children(organization);
  if (scopes.error !== null && !hasStatus(scopes.error, 401)) {
    return <ErrorAlert error={scopes.error} retry={() => void scopes.refetch()} busy={scopes.isFetching} />;
  }
  return loading;
}

export function Denied({ organization }: { organization: string | null }) {
  return (
    <Loaded what="this screen">
      <NoAccess organization={organization} />
    </Loaded>
  );
}
