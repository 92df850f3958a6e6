// Access control of a screen, by the scopes of the session. Until the session is known, a browser that had access is trusted;
// the server checks every request anyway.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense, useEffect } from "react";
import { navigate, usePageLocation } from "../location/router";
import { BILLING_SCOPE, sessionQuery } from "../queries";
import { ErrorBoundary } from "./ErrorBoundary";
import { rememberAccess } from "./knownAccess";
import { lazyPart } from "./lazyPart";
import { LoadFailure } from "./LoadFailure";

const NoAccess = lazyPart(() => import("./NoAccess"));

interface Props {
  readonly organization: string | null;
  readonly children: (organization: string) => ReactNode;
}

export function Access({ organization, children }: Props) {
  const location = usePageLocation();
  const { data } = useQuery(sessionQuery);
  useEffect(() => {
    if (organization !== null && location.organization !== organization) {
      navigate({ organization }, "replace");
    }
  }, [organization, location]);
  const session = data?.signedIn === true ? data.session : null;
  const granted = session?.organizations.find(({ id }) => id === organization);
  const allowed = session === null || granted?.scopes.includes(BILLING_SCOPE) === true;
  useEffect(() => {
    if (session !== null) rememberAccess(allowed ? organization : null);
  }, [session, allowed, organization]);
  if (organization === null || !allowed) return <Denied organization={organization} />;
  return children(organization);
}

export function Denied({ organization }: { organization: string | null }) {
  return (
    <ErrorBoundary fallback={(retry) => <LoadFailure what="this screen" retry={retry} />}>
      <Suspense fallback={null}>
        <NoAccess organization={organization} />
      </Suspense>
    </ErrorBoundary>
  );
}
