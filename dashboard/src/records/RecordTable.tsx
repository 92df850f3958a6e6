// The table of a list; cards where it does not fit. Each row links to its record's history; a missing value is a dash.

import { type ReactNode } from "react";
import { type CallRecord, type InventoryItem, type RecordsPage, type RunRecord } from "../api/records";
import { fullText } from "../breakdown/FullText";
import { channelLabel } from "../breakdown/labels";
import { duration, formats } from "../formats";
import { type Filter, type FilterName, type RecordKey, formatRecord } from "../location/listing";
import { PageLink } from "../location/PageLink";
import { type Day } from "../range/days";
import { NONE } from "./labels";
import { StatusChip } from "./StatusChip";

interface TableColumn<Row> {
  readonly head: string;
  /** The column is left out if the list is filtered by this. */
  readonly filter?: FilterName;
  readonly cell: (row: Row) => ReactNode;
  readonly className?: string;
}

/** A call with the names of its agent, number and widget. */
interface NamedCall extends CallRecord {
  readonly agent: string | null;
  readonly number: string | null;
  readonly widget: string | null;
}

const CALL_COLUMNS: readonly TableColumn<NamedCall>[] = [
  { head: "Status", cell: ({ status, stale }) => <StatusChip status={status} silent={stale} /> },
  {
    head: "Type",
    cell: ({ modality, channel, direction }) => (
      <>
        {modality === "voice" ? "Voice" : "Chat"}
        <span className="record-detail">
          {channelLabel(channel)}, {direction}
        </span>
      </>
    ),
  },
  {
    head: "Duration",
    cell: ({ duration_ms: ms }) => (ms === null ? NONE : duration(ms / 1000)),
    className: "number",
  },
  {
    head: "Agent",
    filter: "agent",
    cell: ({ agent, agent_id: id }) => <NameOf id={id} name={agent} />,
    className: "name",
  },
  {
    head: "Number or widget",
    cell: ({ number, widget, agent_number: line, web_widget_id: id }) =>
      line === null ? <NameOf id={id} name={widget} /> : <NameOf id={line} name={number} />,
    className: "name",
  },
];
const RUN_COLUMNS: readonly TableColumn<RunRecord>[] = [
  { head: "Status", cell: ({ status }) => <StatusChip status={status} /> },
  { head: "Workflow", filter: "workflow", cell: ({ workflow_id: id }) => id ?? NONE, className: "name" },
];
const NAME_COLUMN: TableColumn<InventoryItem> = {
  head: "Name",
  cell: ({ name }) => <NameOf id={name} name={null} />,
  className: "name",
};
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

/** A name on one or two lines; the full name and the id are in the tooltip. */
function NameOf({ id, name }: { id: string | null; name: string | null }) {
  if (id === null) return NONE;
  const text = name ?? id;
  return (
    <span className="record-name" {...fullText(text, id)}>
      {text}
    </span>
  );
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
    const rows = pages.flatMap((page) => (page.kind === kind ? namedCalls(page) : []));
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

function namedCalls({
  records,
  names,
}: Extract<RecordsPage, { kind: "conversation" }>): readonly NamedCall[] {
  const nameIn = (known: Readonly<Record<string, string>>, id: string | null) =>
    id === null ? null : (known[id] ?? null);
  return records.map((call) => ({
    ...call,
    agent: nameIn(names.agents, call.agent_id),
    number: nameIn(names.numbers, call.agent_number),
    widget: nameIn(names.widgets, call.web_widget_id),
  }));
}

interface Props<Row> {
  readonly kind: RecordKey["kind"];
  readonly rows: readonly Row[];
  readonly first: { readonly head: string; readonly text: (row: Row) => string };
  readonly columns: readonly TableColumn<Row>[];
}

/** The roles keep the table a table where CSS shows its rows as cards. */
function TableRows<Row extends { readonly id: string }>({ kind, rows, first, columns }: Props<Row>) {
  return (
    <table role="table" className="records-table">
      <thead role="rowgroup">
        <tr role="row">
          <th scope="col" role="columnheader">
            {first.head}
          </th>
          {columns.map(({ head, className = "" }) => (
            <th key={head} scope="col" role="columnheader" className={className}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={row.id} role="row">
            <th scope="row" role="rowheader">
              <PageLink
                className="figure-link"
                change={{ record: { kind, id: row.id } }}
                data-record={formatRecord({ kind, id: row.id })}
                aria-label={`${first.text(row)}, show the history of ${row.id}`}
              >
                {first.text(row)}
              </PageLink>
            </th>
            {columns.map(({ head, cell, className = "" }) => (
              <td key={head} role="cell" className={className} data-head={head}>
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
