// Which screen: by path, then by session. The Usage page is the only one; every other path is not found.

import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy } from "react";
import { sessionQuery } from "./queries";
import { usePlace } from "./range/visit";
import { Boundary } from "./shell/Boundary";
import { Failure } from "./shell/Failure";
import { Frame } from "./shell/Frame";
import { NotFound } from "./shell/NotFound";
import { Loading } from "./usage/Loading";
import { UsageScreen } from "./usage/UsageScreen";

const SignIn = lazy(() => import("./session/SignIn"));
const USAGE_PATH = "/organization/usage";
const FAILED = (
  <p role="alert" className="message">
    A part of the page could not be loaded. Reload the page to try again.
  </p>
);

export function App() {
  const path = window.location.pathname.replace(/\/+$/, "");
  return <Boundary failed={FAILED}>{path === USAGE_PATH ? <Usage /> : <NotFound />}</Boundary>;
}

function Usage() {
  const session = useQuery(sessionQuery);
  const place = usePlace();
  if (session.data === undefined) {
    return (
      <Frame session="pending">
        {session.isError ? (
          <Failure error={session.error} retry={() => void session.refetch()} busy={session.isFetching} />
        ) : (
          <Loading what="Signing in" />
        )}
      </Frame>
    );
  }
  if (!session.data.signedIn) {
    return (
      <Frame>
        <Suspense fallback={null}>
          <SignIn why={session.data.why} />
        </Suspense>
      </Frame>
    );
  }
  const organization = place.organization ?? session.data.session.organization;
  return (
    <Frame session={session.data.session} organization={organization}>
      <UsageScreen key={organization} organization={organization} />
    </Frame>
  );
}
