// Which screen: by path, then by session. Usage and Connectors are the only ones; every other path is not found.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense, lazy, useEffect } from "react";
import { ConnectorsScreen } from "./connectors/ConnectorsScreen";
import { ConnectorsLoading } from "./connectors/Loading";
import { sessionQuery } from "./queries";
import { usePath, usePlace } from "./range/visit";
import { Boundary } from "./shell/Boundary";
import { Failure } from "./shell/Failure";
import { Frame } from "./shell/Frame";
import { NotFound } from "./shell/NotFound";
import { CONNECTORS_PATH, USAGE_PATH } from "./shell/Pages";
import { Loading } from "./usage/Loading";
import { UsageScreen } from "./usage/UsageScreen";

const SignIn = lazy(() => import("./session/SignIn"));
const FAILED = (
  <p role="alert" className="message">
    A part of the page could not be loaded. Reload the page to try again.
  </p>
);

interface Screen {
  readonly name: string;
  readonly signingIn: ReactNode;
  readonly of: (organization: string | null) => ReactNode;
}

const SCREENS: Readonly<Record<string, Screen>> = {
  [USAGE_PATH]: {
    name: "Usage",
    signingIn: <Loading what="Signing in" />,
    of: (organization) => <UsageScreen key={organization} organization={organization} />,
  },
  [CONNECTORS_PATH]: {
    name: "Connectors",
    signingIn: <ConnectorsLoading what="Signing in" />,
    of: (organization) => <ConnectorsScreen key={organization} organization={organization} />,
  },
};

export function App() {
  const screen = SCREENS[usePath()];
  const name = screen?.name ?? "Not found";
  useEffect(() => {
    document.title = `${name} · Talkmeter`;
  }, [name]);
  return (
    <Boundary failed={FAILED}>{screen === undefined ? <NotFound /> : <Signed screen={screen} />}</Boundary>
  );
}

function Signed({ screen }: { screen: Screen }) {
  const session = useQuery(sessionQuery);
  const place = usePlace();
  if (session.data === undefined) {
    return (
      <Frame session="pending">
        {session.isError ? (
          <Failure error={session.error} retry={() => void session.refetch()} busy={session.isFetching} />
        ) : (
          screen.signingIn
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
      {screen.of(organization)}
    </Frame>
  );
}
