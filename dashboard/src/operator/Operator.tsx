// What only operators see: all organizations, or which organization they are viewing.

import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "../queries";
import { Notice } from "../shell/Notice";
import { OperatorScreen } from "./OperatorScreen";

interface Props {
  /** The organization that is viewed; null: none is. Absent: all are listed. */
  readonly organization?: string | null;
}

export default function Operator({ organization }: Props) {
  if (organization === undefined) return <OperatorScreen />;
  return organization === null ? null : <Viewing organization={organization} />;
}

function Viewing({ organization }: { organization: string }) {
  const { data } = useQuery(sessionQuery);
  const organizations = data?.signedIn === true ? data.session.organizations : [];
  const name = organizations.find(({ id }) => id === organization)?.name ?? organization;
  return <Notice role="status" title={`You are viewing ${name} as the operator`} />;
}
