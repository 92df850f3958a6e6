// The column heads of the breakdown. A click sorts by the column, a second one reverses the order; paper has no buttons.

import { type RowView } from "./BreakdownCells";
import { type Sort } from "./BreakdownTable";
import { type ColumnId, sortableColumns } from "./columns";

interface Props {
  readonly view: RowView;
  readonly interval: "day" | "week";
  readonly sort: Sort;
  /** Null: printing. */
  readonly sortBy: ((id: ColumnId) => void) | null;
}

export function SortableHead({ view, interval, sort, sortBy }: Props) {
  return (
    <thead role="rowgroup">
      <tr role="row" aria-rowindex={1}>
        {sortableColumns(view.by, { compared: view.compared, costed: view.costs !== null }).map(
          ([id, head]) => {
            const sorted = sort.id === id;
            return (
              <th
                key={id}
                scope="col"
                role="columnheader"
                className={`column-${id}`}
                aria-sort={sorted ? (sort.desc ? "descending" : "ascending") : "none"}
              >
                {sortBy === null ? (
                  head
                ) : (
                  <button
                    type="button"
                    onClick={() => {
                      sortBy(id);
                    }}
                  >
                    {head}
                    <span className="sort-mark" aria-hidden="true">
                      {sorted ? (sort.desc ? "↓" : "↑") : "↕"}
                    </span>
                  </button>
                )}
              </th>
            );
          },
        )}
        <th scope="col" role="columnheader" className="column-series">
          {interval === "day" ? "By day" : "By week"}
        </th>
      </tr>
    </thead>
  );
}
