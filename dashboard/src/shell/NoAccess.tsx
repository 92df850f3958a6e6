// The screen for users without the scope billing:manage.

import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { BILLING_SCOPE, sessionQuery } from "../queries";

export default function NoAccess({ organization }: { organization: string | null }) {
  const { data } = useQuery(sessionQuery);
  const organizations = data?.signedIn === true ? data.session.organizations : [];
  const name = organizations.find(({ id }) => id === organization)?.name ?? organization;
  const others = organizations.some(({ id }) => id !== organization);
  return (
    <div className="message">
      <Title order={1}>No access to usage</Title>
      {organization === null ? (
        <p>This key is not linked to any organization.</p>
      ) : (
        <p>
          You need the scope <code>{BILLING_SCOPE}</code> to see the usage of <strong>{name}</strong>. Ask an
          administrator of the organization for it.
        </p>
      )}
      <p>
        {others
          ? "You can switch to another organization, or sign out and use another key."
          : "You can sign out and use another key."}
      </p>
    </div>
  );
}
