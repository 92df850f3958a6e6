// The rows of a list; each leads to its record's history. What a record does not have is a dash.

import { type CallRecord, type Item, type RecordsPage, type RunRecord } from "../api/lists";
import { channelWords } from "../drives/words";
import { duration } from "../format";
import { formats } from "../formats";
import { PlaceLink } from "../range/PlaceLink";
import { type Day } from "../range/days";
import { type Filter, type FilterName, type RecordKey, formatRecord } from "../range/listing";
import { NONE, statusWords } from "./words";

interface Column<Row> {
  readonly head: string;
  /** A list that is narrowed by this needs no column of it. */
  readonly of?: FilterName;
  readonly cell: (row: Row) => string | null;
  readonly number?: boolean;
}

const CALLS: readonly Column<CallRecord>[] = [
  {
    head: "Status",
    cell: ({ status, stale }) => `${statusWords(status)}${stale ? " (silent)" : ""}`,
  },
  { head: "Channel", cell: ({ channel }) => (channel === "webrtc" ? "WebRTC" : channelWords(channel)) },
  { head: "Direction", of: "direction", cell: ({ direction }) => direction },
  {
    head: "Duration",
    cell: ({ duration_ms: ms }) => (ms === null ? null : duration(ms / 1000)),
    number: true,
  },
  { head: "Agent", of: "agent", cell: ({ agent_id: id }) => id },
  { head: "Number", of: "number", cell: ({ agent_number: number }) => number },
  { head: "Widget", of: "widget", cell: ({ web_widget_id: id }) => id },
  { head: "Id", cell: ({ id }) => id },
];
const RUNS: readonly Column<RunRecord>[] = [
  { head: "Status", cell: ({ status }) => statusWords(status) },
  { head: "Workflow", of: "workflow", cell: ({ workflow_id: id }) => id },
  { head: "Id", cell: ({ id }) => id },
];
const NAME: Column<Item> = { head: "Name", cell: ({ name }) => name };
const ITEMS: Readonly<Record<string, readonly Column<Item>[]>> = {
  phone_number: [NAME, { head: "Shared pool", cell: ({ shared }) => (shared ? "yes (billable)" : "no") }],
  dataset: [NAME, { head: "Active", cell: ({ active }) => (active ? "yes" : "no") }],
};
interface TableProps {
  readonly pages: readonly RecordsPage[];
  readonly filter: Filter;
  readonly today: Day;
}

export function Table({ pages, filter, today }: TableProps) {
  const moment = (text: string) => formats.moment(Date.parse(text), today);

  const kind = pages[0]?.kind ?? "conversation";
  const needed = <Row,>(columns: readonly Column<Row>[]) =>
    columns.filter(({ of }) => of === undefined || filter[of] === undefined);
  const created = {
    head: "Created (UTC)",
    text: ({ created_at: at }: { created_at: string }) => moment(at),
  };
  if (kind === "conversation") {
    const rows = pages.flatMap((page) => (page.kind === kind ? page.records : []));
    return <Rows kind={kind} rows={rows} first={created} columns={needed(CALLS)} />;
  }
  if (kind === "workflow_execution") {
    const rows = pages.flatMap((page) => (page.kind === kind ? page.records : []));
    return <Rows kind={kind} rows={rows} first={created} columns={needed(RUNS)} />;
  }
  const rows = pages.flatMap((page) => ("items" in page ? page.items : []));
  const arrived: Column<Item> = {
    head: "Last event arrived (UTC)",
    cell: ({ stored_at: at }) => moment(at),
  };
  const columns = [...(ITEMS[kind] ?? [NAME]), arrived];
  return <Rows kind={kind} rows={rows} first={{ head: "Id", text: ({ id }) => id }} columns={columns} />;
}

interface Props<Row> {
  readonly kind: RecordKey["kind"];
  readonly rows: readonly Row[];
  readonly first: { readonly head: string; readonly text: (row: Row) => string };
  readonly columns: readonly Column<Row>[];
}

function Rows<Row extends { readonly id: string }>({ kind, rows, first, columns }: Props<Row>) {
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
              <PlaceLink
                className="figure-link"
                change={{ record: { kind, id: row.id } }}
                data-record={formatRecord({ kind, id: row.id })}
                aria-label={`${first.text(row)}, show the history of ${row.id}`}
              >
                {first.text(row)}
              </PlaceLink>
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
