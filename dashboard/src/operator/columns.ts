// The columns of the list of organizations: heads, cells, and what the server sorts by.

import { type Organization, type Organizations } from "../api/organizations";
import { moneyOf } from "../costs/money";
import { formats } from "../formats";

export interface Column {
  readonly head: string;
  /** The parameter of the API, without its sign; null: the server does not sort by it. */
  readonly sort: string | null;
  readonly cell: (row: Organization) => string;
  /** The sum of all pages; absent: it is not a sum. */
  readonly total?: (totals: Organizations["totals"]) => string;
}

const NOTHING = "–";

export const COLUMNS: readonly Column[] = [
  { head: "Plan", sort: null, cell: ({ plan }) => plan ?? NOTHING },
  {
    head: "Calls",
    sort: "calls",
    cell: (row) => formats.count(row.total_calls),
    total: (totals) => formats.count(totals.total_calls),
  },
  {
    head: "Voice minutes",
    sort: "voice",
    cell: (row) => formats.minutes(row.voice_minutes),
    total: (totals) => formats.minutes(totals.voice_minutes),
  },
  {
    head: "Chat minutes",
    sort: "chat",
    cell: (row) => formats.minutes(row.chat_minutes),
    total: (totals) => formats.minutes(totals.chat_minutes),
  },
  {
    head: "Workflow runs",
    sort: "runs",
    cell: (row) => formats.count(row.workflow_runs_total),
    total: (totals) => formats.count(totals.workflow_runs_total),
  },
  {
    head: "Cost",
    sort: null,
    cell: ({ cost }) => (cost === null ? NOTHING : moneyOf(cost.currency, cost.amount).amount(cost.amount)),
  },
  {
    head: "Change of calls",
    sort: "change",
    cell: ({ change }) => {
      if (change === null) return NOTHING;
      if (change.change_percent !== null) return formats.change(change.change_percent);
      return change.now === 0 ? NOTHING : "new";
    },
  },
  {
    head: "Last event (UTC)",
    sort: "last_event",
    cell: ({ last_event_at }) =>
      last_event_at === null ? "never" : formats.instant(Date.parse(last_event_at)).replace(" UTC", ""),
  },
  {
    head: "Silent connectors",
    sort: null,
    cell: (row) => formats.count(row.silent_connectors),
  },
  { head: "Quarantined", sort: null, cell: (row) => formats.count(row.quarantined) },
];
