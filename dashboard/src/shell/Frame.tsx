// What surrounds every screen: the product's name, the organization and its switcher, the pages, plans, sign out.

import { Anchor, Button, NativeSelect } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode } from "react";
import { signOut } from "../api/client";
import { type Session } from "../api/shapes";
import { leave } from "../queries";
import { visit } from "../range/visit";
import { Pages } from "./Pages";
import { Logo } from "./icons";

interface Props {
  readonly children: ReactNode;
  /** Nothing: nobody is signed in. */
  readonly session?: Session | "pending";
  readonly organization?: string | null;
}

export function Frame({ children, session, organization = null }: Props) {
  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="header">
        <div className="header-inside">
          <span className="brand">
            <Logo />
            Talkmeter
          </span>
          {session === "pending" && <Pending />}
          {typeof session === "object" && <Signed session={session} organization={organization} />}
        </div>
      </header>
      <main id="main" className="page" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

/** Takes the room that what is not known yet will need. */
function Pending() {
  return (
    <>
      <span className="organization">&nbsp;</span>
      <Pages />
      <div className="header-end pending" aria-hidden="true">
        <Button variant="default" size="xs" disabled>
          Sign out
        </Button>
      </div>
    </>
  );
}

function Signed({ session, organization }: { session: Session; organization: string | null }) {
  const leaving = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      leave("signed-out");
    },
  });
  return (
    <>
      <Switcher session={session} organization={organization} />
      <Pages />
      <div className="header-end">
        {session.plans_url !== null && (
          <Anchor href={session.plans_url} className="header-link">
            Plans and billing
          </Anchor>
        )}
        <Button
          variant="default"
          size="xs"
          loading={leaving.isPending}
          onClick={() => {
            leaving.mutate();
          }}
        >
          Sign out
        </Button>
        {leaving.isError && (
          <span role="alert" className="header-error">
            Not signed out: {leaving.error.message}
          </span>
        )}
      </div>
    </>
  );
}

/** One organization is a name; more are a choice, kept in the address. */
function Switcher({ session, organization }: { session: Session; organization: string | null }) {
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
        visit({ organization: event.currentTarget.value }, "push");
      }}
    />
  );
}
