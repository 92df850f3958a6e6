// A list of calls, runs or inventory items, loaded page by page, with the API's totals above.

import { Anchor, Button, Skeleton } from "@mantine/core";
import { infiniteQueryOptions, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { listExportUrl } from "../api/exports";
import { type RecordsPage, getRecordsPage } from "../api/records";
import { FullText } from "../breakdown/FullText";
import { formats } from "../formats";
import {
  KIND_LABELS,
  type Listing,
  type RecordKey,
  formatListing,
  formatRecord,
  isItemKind,
} from "../location/listing";
import { type Day } from "../range/days";
import { type Range } from "../range/range";
import { ErrorAlert } from "../shell/ErrorAlert";
import { type TotalsTexts, shownText, totalsTexts } from "./labels";
import { RecordTable } from "./RecordTable";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
  readonly listing: Listing;
  /** The record whose history is shown on top of the list. */
  readonly opened: RecordKey | null;
}

function listQuery(organization: string, range: Range, listing: Listing) {
  return infiniteQueryOptions({
    queryKey: ["records", organization, range.from, range.to, formatListing(listing)],
    queryFn: ({ pageParam, signal }): Promise<RecordsPage> =>
      getRecordsPage(organization, range, listing, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: RecordsPage) => page.next_cursor,
    // A list shows the moment it was opened; reopening it fetches it again.
    staleTime: Infinity,
    gcTime: 0,
    refetchOnReconnect: false,
  });
}

export function RecordList({ organization, range, today, listing, opened }: Props) {
  const client = useQueryClient();
  const options = listQuery(organization, range, listing);
  const query = useInfiniteQuery(options);
  const scroller = useRef<HTMLDivElement>(null);
  const lastOpened = useRef<RecordKey | null>(null);
  useEffect(() => {
    // After a history closes, return the focus to its row.
    if (opened === null && lastOpened.current !== null) {
      scroller.current
        ?.querySelector<HTMLElement>(`[data-record="${CSS.escape(formatRecord(lastOpened.current))}"]`)
        ?.focus();
    }
    lastOpened.current = opened;
  }, [opened]);
  const reload = () => void client.resetQueries({ queryKey: options.queryKey });
  const noun = KIND_LABELS[listing.kind][1];
  const pages = query.data?.pages;
  if (pages === undefined) {
    return query.isError ? (
      <ErrorAlert
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title={`Could not load the ${noun}`}
      />
    ) : (
      <div role="status" aria-label={`Loading ${noun}`} className="records-skeleton">
        <Skeleton height="100%" />
      </div>
    );
  }
  const shown = pages.reduce((sum, page) => sum + rowCount(page), 0);
  return (
    <>
      {pages.some(({ changed }) => changed) && (
        <p className="records-changed" role="status">
          New events have arrived since the first page. Rows and totals may not match.{" "}
          <Button variant="default" size="compact-xs" onClick={reload}>
            Reload
          </Button>
        </p>
      )}
      <div className="records-sum">
        <ListTotals first={pages[0]} shown={shown} listing={listing} />
        {!isItemKind(listing.kind) && (
          <Anchor href={listExportUrl(organization, range, listing)} download="">
            Export as CSV
          </Anchor>
        )}
      </div>
      <DeletedRecords first={pages[0]} />
      <div className="records-box" ref={scroller} tabIndex={0} role="region" aria-label={noun}>
        {shown === 0 ? (
          <p className="records-none">Nothing to show.</p>
        ) : (
          <FullText>
            <RecordTable pages={pages} filter={listing.filter} today={today} />
          </FullText>
        )}
        {query.isFetchNextPageError && (
          <p role="alert" className="records-error">
            {query.error.message}
          </p>
        )}
        {query.hasNextPage && (
          <Button
            variant="default"
            size="xs"
            className="records-more"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Load more
          </Button>
        )}
      </div>
    </>
  );
}

/** From which day on records are stored, if older ones of the range were deleted. */
function DeletedRecords({ first }: { first: RecordsPage | undefined }) {
  if (first === undefined || !("records" in first) || first.records_from === null) return null;
  return (
    <p className="records-changed">
      Records before {formats.day(first.records_from)} (UTC) were deleted and are not listed. The figures
      still include them.
    </p>
  );
}

/** The totals of the whole list, and the number of rows shown so far. */
function ListTotals({
  first,
  shown,
  listing,
}: {
  first: RecordsPage | undefined;
  shown: number;
  listing: Listing;
}) {
  const { figures, details } = listTexts(first, listing);
  return (
    <p role="status">
      <strong>{figures.join(" · ")}</strong>
      <span>{[...details, shownText(shown, listTotal(first), formats)].join(" · ")}</span>
    </p>
  );
}

function listTexts(first: RecordsPage | undefined, { kind }: Listing): TotalsTexts {
  if (first === undefined) return { figures: [], details: [] };
  if ("totals" in first) {
    return first.totals === null ? { figures: [], details: [] } : totalsTexts(first.totals, formats);
  }
  const [singular, plural] = KIND_LABELS[kind];
  const total = first.total ?? first.items.length;
  return { figures: [`${formats.count(total)} ${total === 1 ? singular : plural}`], details: [] };
}

/** Return the number of rows of the whole list; null if the first page does not say it. */
function listTotal(first: RecordsPage | undefined): number | null {
  if (first === undefined) return null;
  if (!("totals" in first)) return first.total;
  if (first.totals === null) return null;
  return "total_calls" in first.totals ? first.totals.total_calls : first.totals.workflow_runs_total;
}

function rowCount(page: RecordsPage): number {
  return "records" in page ? page.records.length : page.items.length;
}
