// The header and main element of every screen: product name, organization switcher, navigation, plans, sign out.

import { Anchor, Button, NativeSelect } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, Suspense } from "react";
import { signOut } from "../api/client";
import { type Session } from "../api/shapes";
import { navigate } from "../location/router";
import { endSession } from "../queries";
import { ColorSchemeButton } from "./ColorSchemeButton";
import { Logo } from "./icons";
import { Navigation } from "./Navigation";

interface Props {
  readonly children: ReactNode;
  /** Undefined if the user is signed out. */
  readonly session?: Session | "pending";
  readonly organization?: string | null;
}

export function Layout({ children, session, organization = null }: Props) {
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="header">
        <div className="header-inside">
          <span className="brand">
            <Logo />
            <span className="brand-word">Talkmeter</span>
          </span>
          {session === "pending" && <PendingHeader />}
          {typeof session === "object" && <SignedInHeader session={session} organization={organization} />}
        </div>
      </header>
      <main id="main" className="page" tabIndex={-1}>
        <Suspense fallback={null}>{children}</Suspense>
      </main>
    </>
  );
}

/** The navigation, and the space of the rest, to avoid layout shift. */
function PendingHeader() {
  return (
    <>
      <span className="organization" />
      <Navigation operator={false} />
      <div className="header-end" />
    </>
  );
}

function SignedInHeader({ session, organization }: { session: Session; organization: string | null }) {
  const signingOut = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      endSession("signed-out");
    },
  });
  return (
    <>
      {organization !== null || !session.operator ? (
        <OrganizationSwitcher session={session} organization={organization} />
      ) : (
        <span className="organization" />
      )}
      <Navigation operator={session.operator} />
      <div className="header-end">
        {session.plans_url !== null && (
          <Anchor href={session.plans_url} className="header-link">
            Plans and billing
          </Anchor>
        )}
        <ColorSchemeButton />
        <Button
          variant="default"
          size="xs"
          loading={signingOut.isPending}
          onClick={() => {
            signingOut.mutate();
          }}
        >
          Sign out
        </Button>
        {signingOut.isError && (
          <span role="alert" className="header-error">
            Could not sign out: {signingOut.error.message}
          </span>
        )}
      </div>
    </>
  );
}

/** A name if there is one organization, else a select. The URL stores the choice. */
function OrganizationSwitcher({ session, organization }: { session: Session; organization: string | null }) {
  const known = session.organizations.some(({ id }) => id === organization);
  const only = session.organizations[0];
  if (known && session.organizations.length === 1 && only !== undefined) {
    return (
      <span className="organization" title={only.id}>
        {only.name}
      </span>
    );
  }
  return (
    <NativeSelect
      aria-label="Organization"
      className="organization"
      size="xs"
      value={known ? (organization ?? "") : ""}
      data={[
        ...(known ? [] : [{ value: "", label: organization ?? "No organization", disabled: true }]),
        ...session.organizations.map(({ id, name }) => ({ value: id, label: name })),
      ]}
      onChange={(event) => {
        navigate({ organization: event.currentTarget.value }, "push");
      }}
    />
  );
}
