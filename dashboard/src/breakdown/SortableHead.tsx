// The column heads of the breakdown. A click sorts by the column, a second one reverses the order.

import { type RowView } from "./BreakdownCells";
import { type Sort } from "./BreakdownTable";
import { type ColumnId, sortableColumns } from "./columns";

interface Props {
  readonly view: RowView;
  readonly interval: "day" | "week";
  readonly sort: Sort;
  readonly sortBy: (id: ColumnId) => void;
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
