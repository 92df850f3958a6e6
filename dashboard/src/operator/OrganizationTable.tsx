// The table of organizations. A click on a head sorts by it, a second one reverses the order.

import { Anchor } from "@mantine/core";
import { withParameters } from "../api/paths";
import { type Organizations } from "../api/organizations";
import { USAGE_PATH } from "../location/url";
import { COLUMNS } from "./columns";

interface Props {
  readonly pages: readonly Organizations[];
  readonly sort: string;
  /** Whether the server can sort by the change: the month has ended. */
  readonly ended: boolean;
  readonly sortBy: (sort: string) => void;
}

export function OrganizationTable({ pages, sort, ended, sortBy }: Props) {
  const first = pages[0];
  if (first === undefined) return null;
  const head = (label: string, key: string | null) => (
    <SortableHead
      key={label}
      label={label}
      name={key === "change" && !ended ? null : key}
      sort={sort}
      sortBy={sortBy}
    />
  );
  return (
    // The table is wider than a phone; the keyboard scrolls it too.
    <div className="organizations" role="region" aria-label="Organizations" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head("Organization", "name")}
            {COLUMNS.map((column) => head(column.head, column.sort))}
          </tr>
        </thead>
        <tbody>
          <tr className="sum">
            <th scope="row">
              {first.total_organizations === 1
                ? "1 organization"
                : `${String(first.total_organizations)} organizations`}
            </th>
            {COLUMNS.map(({ head: label, total }) => (
              <td key={label}>{total?.(first.totals)}</td>
            ))}
          </tr>
          {pages.flatMap(({ organizations }) =>
            organizations.map((row) => (
              <tr key={row.organization_id}>
                <th scope="row">
                  <Anchor href={withParameters(USAGE_PATH, { organization_id: row.organization_id })}>
                    {row.name}
                  </Anchor>
                  {row.name !== row.organization_id && <span className="id">{row.organization_id}</span>}
                </th>
                {COLUMNS.map(({ head: label, cell }) => (
                  <td key={label}>{cell(row)}</td>
                ))}
              </tr>
            )),
          )}
        </tbody>
      </table>
    </div>
  );
}

interface HeadProps {
  readonly label: string;
  readonly name: string | null;
  readonly sort: string;
  readonly sortBy: (sort: string) => void;
}

function SortableHead({ label, name, sort, sortBy }: HeadProps) {
  if (name === null) return <th scope="col">{label}</th>;
  const sorted = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
  // Figures begin with the largest, names with A.
  const preferred = name === "name" ? "name" : `-${name}`;
  const reversed = name === "name" ? "-name" : name;
  return (
    <th scope="col" aria-sort={sorted}>
      <button
        type="button"
        onClick={() => {
          sortBy(sort === preferred ? reversed : preferred);
        }}
      >
        {label}
        <span className="sort-mark" aria-hidden="true">
          {sorted === "none" ? "↕" : sorted === "descending" ? "↓" : "↑"}
        </span>
      </button>
    </th>
  );
}
