// The switch "With sub-organizations", for an organization that has some. The address keeps it as `subtree=true`.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type ComparisonMode } from "../location/options";
import { scopesQuery } from "../queries";
import { type Range } from "../range/range";
import { ErrorAlert } from "../shell/ErrorAlert";
import { membersQuery } from "./query";
import { SubtreeUsage } from "./SubtreeUsage";
import "./subtree.css";

const PARAMETER = "subtree";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly compare: ComparisonMode;
}

export default function Subtree({ organization, range, compare }: Props) {
  // The screen fetches the scopes; this only reads them.
  const { data: scopes } = useQuery({ ...scopesQuery(organization), enabled: false });
  const members = useQuery(membersQuery(organization, scopes));
  const [on, setOn] = useState(() => new URLSearchParams(window.location.search).get(PARAMETER) === "true");
  if (members.error !== null) {
    return (
      <ErrorAlert
        error={members.error}
        retry={() => void members.refetch()}
        busy={members.isFetching}
        title="Could not load the sub-organizations"
      />
    );
  }
  const { organizations } = members.data ?? { organizations: [] };
  if (organizations.length < 2) return null;
  return (
    <section className="subtree" aria-label="Sub-organizations">
      <label>
        <input
          type="checkbox"
          role="switch"
          checked={on}
          onChange={({ target: { checked } }) => {
            setOn(checked);
            keepInAddress(checked);
          }}
        />
        With sub-organizations ({organizations.length - 1})
      </label>
      {on && (
        <SubtreeUsage
          organization={organization}
          members={organizations.length}
          range={range}
          compare={compare}
        />
      )}
    </section>
  );
}

function keepInAddress(on: boolean): void {
  const address = new URL(window.location.href);
  if (on) address.searchParams.set(PARAMETER, "true");
  else address.searchParams.delete(PARAMETER);
  window.history.replaceState(window.history.state, "", address);
}
