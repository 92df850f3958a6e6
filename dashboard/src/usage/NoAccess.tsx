// The no-access screen: who lacks billing:manage sees this, and no figure.

import { Title } from "@mantine/core";
import { BILLING } from "../queries";

export default function NoAccess({ organization }: { organization: string | null }) {
  return (
    <div className="message">
      <Title order={1}>No access to usage</Title>
      {organization === null ? (
        <p>What you signed in with belongs to no organization here.</p>
      ) : (
        <p>
          Usage and billing of <strong>{organization}</strong> need the scope <code>{BILLING}</code>, which
          you do not have there. Ask an administrator of the organization for it.
        </p>
      )}
      <p>You can choose another organization, or sign out and sign in with another key.</p>
    </div>
  );
}
