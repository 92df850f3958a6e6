// The table of a list. Each row links to its record's history; a missing value is a dash.

import { type CallRecord, type InventoryItem, type RecordsPage, type RunRecord } from "../api/records";
import { channelLabel } from "../breakdown/labels";
import { duration, formats } from "../formats";
import { type Filter, type FilterName, type RecordKey, formatRecord } from "../location/listing";
import { PageLink } from "../location/PageLink";
import { type Day } from "../range/days";
import { NONE, statusLabel } from "./labels";

interface TableColumn<Row> {
  readonly head: string;
  /** The column is left out if the list is filtered by this. */
  readonly filter?: FilterName;
  readonly cell: (row: Row) => string | null;
  readonly number?: boolean;
}

const CALL_COLUMNS: readonly TableColumn<CallRecord>[] = [
  {
    head: "Status",
    cell: ({ status, stale }) => `${statusLabel(status)}${stale ? " (silent)" : ""}`,
  },
  { head: "Channel", cell: ({ channel }) => channelLabel(channel) },
  { head: "Direction", filter: "direction", cell: ({ direction }) => direction },
  {
    head: "Duration",
    cell: ({ duration_ms: ms }) => (ms === null ? null : duration(ms / 1000)),
    number: true,
  },
  { head: "Agent", filter: "agent", cell: ({ agent_id: id }) => id },
  { head: "Number", filter: "number", cell: ({ agent_number: number }) => number },
  { head: "Widget", filter: "widget", cell: ({ web_widget_id: id }) => id },
  { head: "Id", cell: ({ id }) => id },
];
const RUN_COLUMNS: readonly TableColumn<RunRecord>[] = [
  { head: "Status", cell: ({ status }) => statusLabel(status) },
  { head: "Workflow", filter: "workflow", cell: ({ workflow_id: id }) => id },
  { head: "Id", cell: ({ id }) => id },
];
const NAME_COLUMN: TableColumn<InventoryItem> = { head: "Name", cell: ({ name }) => name };
const INVENTORY_COLUMNS: Readonly<Record<string, readonly TableColumn<InventoryItem>[]>> = {
  phone_number: [
    NAME_COLUMN,
    { head: "Shared pool", cell: ({ shared }) => (shared ? "yes (billable)" : "no") },
  ],
  dataset: [NAME_COLUMN, { head: "Active", cell: ({ active }) => (active ? "yes" : "no") }],
};
interface TableProps {
  readonly pages: readonly RecordsPage[];
  readonly filter: Filter;
  readonly today: Day;
}

export function RecordTable({ pages, filter, today }: TableProps) {
  const instant = (text: string) => formats.shortInstant(Date.parse(text), today);
  const kind = pages[0]?.kind ?? "conversation";
  const visible = <Row,>(columns: readonly TableColumn<Row>[]) =>
    columns.filter(({ filter: of }) => of === undefined || filter[of] === undefined);
  const created = {
    head: "Created (UTC)",
    text: ({ created_at: at }: { created_at: string }) => instant(at),
  };
  if (kind === "conversation") {
    const rows = pages.flatMap((page) => (page.kind === kind ? page.records : []));
    return <TableRows kind={kind} rows={rows} first={created} columns={visible(CALL_COLUMNS)} />;
  }
  if (kind === "workflow_execution") {
    const rows = pages.flatMap((page) => (page.kind === kind ? page.records : []));
    return <TableRows kind={kind} rows={rows} first={created} columns={visible(RUN_COLUMNS)} />;
  }
  const rows = pages.flatMap((page) => ("items" in page ? page.items : []));
  const received: TableColumn<InventoryItem> = {
    head: "Last event received (UTC)",
    cell: ({ stored_at: at }) => instant(at),
  };
  const columns = [...(INVENTORY_COLUMNS[kind] ?? [NAME_COLUMN]), received];
  return <TableRows kind={kind} rows={rows} first={{ head: "Id", text: ({ id }) => id }} columns={columns} />;
}

interface Props<Row> {
  readonly kind: RecordKey["kind"];
  readonly rows: readonly Row[];
  readonly first: { readonly head: string; readonly text: (row: Row) => string };
  readonly columns: readonly TableColumn<Row>[];
}

function TableRows<Row extends { readonly id: string }>({ kind, rows, first, columns }: Props<Row>) {
  return (
    <table className="records-table">
      <thead>
        <tr>
          <th scope="col">{first.head}</th>
          {columns.map(({ head, number }) => (
            <th key={head} scope="col" className={number === true ? "number" : ""}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <th scope="row">
              <PageLink
                className="figure-link"
                change={{ record: { kind, id: row.id } }}
                data-record={formatRecord({ kind, id: row.id })}
                aria-label={`${first.text(row)}, show the history of ${row.id}`}
              >
                {first.text(row)}
              </PageLink>
            </th>
            {columns.map(({ head, cell, number }) => (
              <td key={head} className={number === true ? "number" : ""}>
                {cell(row) ?? NONE}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
