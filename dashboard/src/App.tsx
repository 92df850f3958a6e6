// Chooses the screen by path and session. Unknown paths show the not-found screen.

import { Anchor, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { ConnectorsLoading } from "./connectors/ConnectorsLoading";
import { ConnectorsScreen } from "./connectors/ConnectorsScreen";
import { usePageLocation, usePath } from "./location/router";
import { CONNECTORS_PATH, OPERATOR_PATH, USAGE_PATH } from "./location/url";
import { sessionQuery } from "./queries";
import { ErrorAlert } from "./shell/ErrorAlert";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { isAccessKnown } from "./shell/knownAccess";
import { Layout } from "./shell/Layout";
import { lazyPart } from "./shell/lazyPart";
import { LoadFailure } from "./shell/LoadFailure";
import { UsageLoading } from "./usage/UsageLoading";
import { UsageScreen } from "./usage/UsageScreen";

const Operator = lazyPart(() => import("./operator/Operator"));
const SignIn = lazyPart(() => import("./session/SignIn"));
const FailedLink = lazyPart(async () => ({ default: (await import("./session/SignIn")).FailedLink }));

interface Screen {
  readonly name: string;
  /** Shown until the session is known. */
  readonly signingIn?: ReactNode;
  readonly render: (organization: string | null) => ReactNode;
}

const SCREENS: Readonly<Record<string, Screen>> = {
  [USAGE_PATH]: {
    name: "Usage",
    signingIn: <UsageLoading label="Signing in" />,
    render: (organization) => <UsageScreen key={organization} organization={organization} />,
  },
  [CONNECTORS_PATH]: {
    name: "Connectors",
    signingIn: <ConnectorsLoading label="Signing in" />,
    render: (organization) => <ConnectorsScreen key={organization} organization={organization} />,
  },
  [OPERATOR_PATH]: {
    name: "Organizations",
    render: () => <Operator />,
  },
};

export function App() {
  const screen = SCREENS[usePath()];
  const name = screen?.name ?? "Not found";
  useEffect(() => {
    document.title = `${name} · Talkmeter`;
  }, [name]);
  return (
    <ErrorBoundary fallback={(retry) => <LoadFailure what="a part of the page" retry={retry} />}>
      {screen === undefined ? <NotFound /> : <ScreenForSession screen={screen} />}
    </ErrorBoundary>
  );
}

function ScreenForSession({ screen }: { screen: Screen }) {
  const session = useQuery(sessionQuery);
  const location = usePageLocation();
  if (session.data?.signedIn === false) {
    return (
      <Layout>
        <SignIn reason={session.data.reason} />
      </Layout>
    );
  }
  const state = session.data;
  const organization = location.organization ?? state?.session.organization ?? null;
  // A browser that had access requests the figures at once, together with the session.
  const known = organization !== null && isAccessKnown(organization);
  return (
    <Layout session={state?.session ?? "pending"} organization={organization}>
      {state?.failedLink !== undefined && <FailedLink message={state.failedLink} />}
      {state === undefined && session.isError && (
        <ErrorAlert error={session.error} retry={() => void session.refetch()} busy={session.isFetching} />
      )}
      {state?.session.operator && <Operator organization={organization} />}
      {state !== undefined || known ? screen.render(organization) : !session.isError && screen.signingIn}
    </Layout>
  );
}

function NotFound() {
  return (
    <Layout>
      <div className="message">
        <Title order={1}>Page not found</Title>
        <p>
          There is no page at <code>{window.location.pathname}</code>. Go to the{" "}
          <Anchor href={USAGE_PATH}>Usage page</Anchor>.
        </p>
      </div>
    </Layout>
  );
}
