// One tab of the breakdown: search, table and foot. It fetches the largest values first, and all once they are needed.

import { Button, NativeSelect, Skeleton, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { type Breakdown } from "../api/breakdown";
import { exportUrl } from "../api/exports";
import { formats } from "../formats";
import { filterParameters } from "../location/filter";
import { type Dimension, ORDER_LABELS, isKeyOf } from "../location/options";
import { navigate } from "../location/router";
import { type Day, utcDay } from "../range/days";
import { type Range } from "../range/range";
import { ErrorAlert } from "../shell/ErrorAlert";
import { BreakdownTable, type Sort } from "./BreakdownTable";
import { type ColumnId, matchingRows, sortableColumns } from "./columns";
import { DIMENSION_NOUNS } from "./labels";
import { type BreakdownView, FEW_ROWS, MAX_ROWS, breakdownOrder, breakdownQuery } from "./query";
import { useRowCosts } from "./rowCosts";
import { wholeIntervals } from "./series";

const EMPTY_TEXTS: Readonly<Record<Dimension, string>> = {
  agent: "No calls in this range.",
  number: "No calls in this range.",
  widget: "No calls in this range.",
  workflow: "No workflow runs in this range.",
  channel: "No calls in this range.",
};

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly view: BreakdownView;
}

export function BreakdownPanel({ organization, range, view }: Props) {
  const [all, setAll] = useState(false);
  const [chosenSort, setSort] = useState<Sort | null>(null);
  const [search, setSearch] = useState("");
  const [today] = useState(() => utcDay(Date.now()));
  const query = useQuery(breakdownQuery(organization, range, view, all ? MAX_ROWS : FEW_ROWS));
  const costs = useRowCosts(organization, range, view.by, view.filter === null);
  const breakdown = query.data;
  const { by } = view;
  const order = breakdownOrder(by, view.order);
  const sort = chosenSort ?? { id: order, desc: true };
  const sortBy = (id: ColumnId) => {
    const desc = sort.id === id ? !sort.desc : id !== "name";
    const isOrder = id === "runs" || isKeyOf(ORDER_LABELS, id);
    setSort(isOrder && desc ? null : { id, desc });
    if (isKeyOf(ORDER_LABELS, id) && id !== view.order) navigate({ order: id }, "push");
    // The API sorts by these figures, largest first; for another order all rows are needed.
    if (!(isOrder && desc)) setAll(true);
  };
  const rows = useMemo(
    () => (breakdown === undefined ? [] : matchingRows(breakdown.rows, by, search)),
    [breakdown, by, search],
  );
  if (breakdown === undefined) {
    return query.isError ? (
      <ErrorAlert
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title="Could not load the breakdown"
      />
    ) : (
      <div className="breakdown-skeleton" role="status" aria-label="Loading the breakdown">
        <Skeleton height="100%" />
      </div>
    );
  }
  const total = breakdown.rows.length + breakdown.others.values;
  if (total === 0) return <p className="breakdown-nothing">{EMPTY_TEXTS[by]}</p>;
  const columns = { compared: breakdown.comparison !== null, costed: costs !== null };
  const interval = intervalOf(breakdown);
  const drawn = wholeIntervals(breakdown.starts ?? [], interval, breakdown, today);
  return (
    <div
      className={query.isPlaceholderData ? "breakdown-body outdated" : "breakdown-body"}
      aria-busy={query.isFetching}
    >
      <div className="breakdown-tools">
        {total > FEW_ROWS && (
          <TextInput
            type="search"
            size="xs"
            className="breakdown-search"
            aria-label={`Search ${DIMENSION_NOUNS[by][1]} by name or id`}
            placeholder={`Search ${DIMENSION_NOUNS[by][1]}`}
            value={search}
            onChange={({ currentTarget: { value } }) => {
              setSearch(value);
              setAll(true);
            }}
          />
        )}
        <NativeSelect
          size="xs"
          className="breakdown-sort"
          aria-label="Sort by"
          value={sort.id}
          data={sortableColumns(by, columns).map(([value, head]) => ({
            value,
            label: `Sort by ${head.toLowerCase()}`,
          }))}
          onChange={({ currentTarget: { value } }) => {
            sortBy(value as ColumnId);
          }}
        />
      </div>
      {query.isError && (
        <p className="breakdown-error" role="status">
          Could not refresh the breakdown. {query.error.message}
        </p>
      )}
      <BreakdownTable
        by={by}
        order={order}
        breakdown={breakdown}
        rows={rows}
        drawn={drawn}
        interval={interval}
        costs={costs}
        sort={sort}
        sortBy={sortBy}
      />
      <div className="breakdown-foot">
        {breakdown.others.values > 0 && !all && (
          <Button
            variant="default"
            size="xs"
            onClick={() => {
              setAll(true);
            }}
          >
            Show {total > MAX_ROWS ? `the first ${formats.count(MAX_ROWS)}` : `all ${formats.count(total)}`}
          </Button>
        )}
        <FootTexts {...{ breakdown, total, by, search, shown: rows.length, today, busy: query.isFetching }} />
        {total > FEW_ROWS && (
          <a
            href={exportUrl(organization, range, "breakdown", {
              by,
              order,
              ...filterParameters(view.filter),
            })}
            download=""
          >
            Export has all {formats.count(total)}
          </a>
        )}
      </div>
    </div>
  );
}

interface FootProps {
  readonly breakdown: Breakdown;
  readonly total: number;
  readonly by: Dimension;
  readonly search: string;
  readonly shown: number;
  readonly today: Day;
  readonly busy: boolean;
}

/** What was found, and the period that the changes compare with. */
function FootTexts({
  breakdown: { comparison, rows, others },
  total,
  by,
  search,
  shown,
  today,
  busy,
}: FootProps) {
  const plural = DIMENSION_NOUNS[by][1];
  const searched = others.values > 0 ? `the first ${formats.count(rows.length)}` : formats.count(total);
  return (
    <>
      {search.trim() !== "" && (
        <span role="status">
          {busy
            ? "Searching…"
            : shown === 0
              ? `No ${plural} match “${search.trim()}”${others.values > 0 ? ` among ${searched}` : ""}.`
              : `${formats.count(shown)} of ${searched} ${plural}`}
        </span>
      )}
      {comparison !== null && (
        <span>
          Change: compared with{" "}
          {formats.span(Date.parse(comparison.then.from), Date.parse(comparison.then.to), today)}
        </span>
      )}
    </>
  );
}

/** Return the interval of the series: starts of weeks are seven days apart. */
function intervalOf({ starts }: Breakdown): "day" | "week" {
  const [first, second] = starts ?? [];
  if (first === undefined || second === undefined) return "day";
  return Date.parse(second) - Date.parse(first) > 24 * 60 * 60 * 1000 ? "week" : "day";
}
