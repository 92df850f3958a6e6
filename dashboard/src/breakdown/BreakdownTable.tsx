// The table of the breakdown: sortable, with one row per value. Long tables render only the rows in view.

import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_basic,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useMemo, useRef } from "react";
import { type Breakdown, type BreakdownRow } from "../api/breakdown";
import { usePrinting } from "../charts/usePrinting";
import { formats } from "../formats";
import { type Dimension } from "../location/options";
import { BreakdownCells, OtherCells, type RowView } from "./BreakdownCells";
import { type ColumnId, figureColumns, rowChange } from "./columns";
import { FullText } from "./FullText";
import { DIMENSION_NOUNS, valueLabel } from "./labels";
import { type BreakdownOrder } from "./query";
import { type RowCosts } from "./rowCosts";
import { SortableHead } from "./SortableHead";
import { AllRows, RowsInView } from "./TableRows";

export interface Sort {
  readonly id: ColumnId;
  readonly desc: boolean;
}

interface Props {
  readonly by: Dimension;
  readonly order: BreakdownOrder;
  readonly breakdown: Breakdown;
  /** The rows to show: all of the breakdown, or those that were searched for. */
  readonly rows: readonly BreakdownRow[];
  /** Which intervals of the rows' series are drawn. */
  readonly drawn: readonly boolean[];
  readonly interval: "day" | "week";
  readonly costs: RowCosts | null;
  readonly sort: Sort;
  readonly sortBy: (id: ColumnId) => void;
}

const MAX_ROWS_AT_ONCE = 200;
const MAX_ROWS_IN_PRINT = 500;
const MAX_ROWS_WITHOUT_SCROLLING = 20;
const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() });
const helper = createColumnHelper<typeof features, BreakdownRow>();

/** Calls without a value are sorted last, whatever the order. */
function columnsOf(by: Dimension, order: BreakdownOrder, costs: RowCosts | null) {
  const figure = (id: ColumnId, value: (row: BreakdownRow) => number) =>
    helper.accessor((row) => (row.value === null ? undefined : value(row)), {
      id,
      sortUndefined: "last",
      sortFn: sortFn_basic,
    });
  return helper.columns([
    helper.accessor(
      (row) => (row.value === null ? undefined : valueLabel(by, row.value, row.name).toLowerCase()),
      { id: "name", sortUndefined: "last", sortFn: sortFn_basic },
    ),
    ...figureColumns(by).map(({ id, value }) => figure(id, value)),
    figure("cost", ({ value }) => costs?.amount(value) ?? 0),
    figure("share", ({ share }) => share),
    figure("change", (row) => rowChange(row, order, formats)?.value ?? 0),
  ]);
}

export function BreakdownTable(props: Props) {
  const { by, order, breakdown, rows, drawn, interval, costs, sort, sortBy } = props;
  const box = useRef<HTMLDivElement>(null);
  const printing = usePrinting();
  const columns = useMemo(() => columnsOf(by, order, costs), [by, order, costs]);
  const data = useMemo(() => [...rows], [rows]);
  const table = useTable({
    features,
    columns,
    data,
    getRowId: ({ value }) => value ?? "",
    state: { sorting: [{ id: sort.id, desc: sort.desc }] },
  });
  const sorted = table.getRowModel().rows.map(({ original }) => original);
  const shown = printing ? sorted.slice(0, MAX_ROWS_IN_PRINT) : sorted;
  const { others } = breakdown;
  const view: RowView = {
    by,
    order,
    drawn,
    compared: breakdown.comparison !== null,
    costs,
    greatestShare: Math.max(...breakdown.rows.map(({ share }) => share)),
  };
  const hasOthers = others.values > 0 && rows.length === breakdown.rows.length;
  const cells = (row: BreakdownRow) => <BreakdownCells row={row} view={view} />;
  const scrolls = !printing && shown.length > MAX_ROWS_WITHOUT_SCROLLING;
  const [, plural] = DIMENSION_NOUNS[by];
  return (
    <FullText>
      <div
        ref={box}
        className={scrolls ? "breakdown-box scrolls" : "breakdown-box"}
        {...(scrolls && { tabIndex: 0, role: "region", "aria-label": `All ${plural}` })}
      >
        <table
          role="table"
          aria-labelledby="breakdown"
          className="breakdown-table"
          data-order={order}
          aria-rowcount={sorted.length + 1 + (hasOthers ? 1 : 0)}
        >
          <SortableHead view={view} interval={interval} sort={sort} sortBy={printing ? null : sortBy} />
          <tbody role="rowgroup">
            {shown.length > MAX_ROWS_AT_ONCE && !printing ? (
              <RowsInView rows={shown} cells={cells} box={box} />
            ) : (
              <AllRows rows={shown} cells={cells} />
            )}
            {hasOthers && (
              <tr role="row" className="others" aria-rowindex={sorted.length + 2}>
                <OtherCells others={others} view={view} />
              </tr>
            )}
          </tbody>
        </table>
      </div>
      {printing && sorted.length > shown.length && (
        <p className="breakdown-left-out">
          {formats.count(shown.length)} of {formats.count(sorted.length)} {plural} are printed.
        </p>
      )}
    </FullText>
  );
}
