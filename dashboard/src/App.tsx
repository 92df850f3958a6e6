// Chooses the screen by path and session. Unknown paths show the not-found screen.

import { Anchor, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense, useEffect, useState } from "react";
import { ConnectorsLoading } from "./connectors/ConnectorsLoading";
import { ConnectorsScreen } from "./connectors/ConnectorsScreen";
import { usePageLocation, usePath } from "./location/router";
import { CONNECTORS_PATH, USAGE_PATH } from "./location/url";
import { sessionQuery } from "./queries";
import { ErrorAlert } from "./shell/ErrorAlert";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { isAccessKnown } from "./shell/knownAccess";
import { Layout } from "./shell/Layout";
import { Notice } from "./shell/Notice";
import { lazyPart } from "./shell/lazyPart";
import { LoadFailure } from "./shell/LoadFailure";
import { UsageLoading } from "./usage/UsageLoading";
import { UsageScreen } from "./usage/UsageScreen";

const SignIn = lazyPart(() => import("./session/SignIn"));

interface Screen {
  readonly name: string;
  /** Shown until the session is known. */
  readonly signingIn: ReactNode;
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
        <Suspense fallback={null}>
          <SignIn reason={session.data.reason} />
        </Suspense>
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
      {state !== undefined || known ? screen.render(organization) : !session.isError && screen.signingIn}
    </Layout>
  );
}

/** A sign-in link that was already used, opened while signed in. */
function FailedLink({ message }: { message: string }) {
  const [open, setOpen] = useState(true);
  if (!open) return null;
  return (
    <Notice
      role="status"
      title="This link did not sign you in; you are still signed in as before"
      close={() => {
        setOpen(false);
      }}
    >
      <p>{message}</p>
    </Notice>
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
