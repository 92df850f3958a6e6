// The screen for users without the scope billing:manage.

import { Title } from "@mantine/core";
import { BILLING_SCOPE } from "../queries";

export default function NoAccess({ organization }: { organization: string | null }) {
  return (
    <div className="message">
      <Title order={1}>No access to usage</Title>
      {organization === null ? (
        <p>This key is not linked to any organization.</p>
      ) : (
        <p>
          You need the scope <code>{BILLING_SCOPE}</code> to see the usage of <strong>{organization}</strong>.
          Ask an administrator of the organization for it.
        </p>
      )}
      <p>You can switch to another organization, or sign out and use another key.</p>
    </div>
  );
}
