// One list: its rows page by page, and at its foot what all of them add up to, as the API says.

import { Anchor, Button, Skeleton } from "@mantine/core";
import { infiniteQueryOptions, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { exportOfList } from "../api/exports";
import { type RecordsPage, getPage } from "../api/lists";
import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Listing, type RecordKey, formatListing, formatRecord, isItemKind } from "../range/listing";
import { type Range } from "../range/range";
import { Failure } from "../shell/Failure";
import { Table } from "./Table";
import { KINDS, totalsWords } from "./words";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
  readonly listing: Listing;
  /** The record whose history is shown over the list. */
  readonly opened: RecordKey | null;
}

function listQuery(organization: string, range: Range, listing: Listing) {
  return infiniteQueryOptions({
    queryKey: ["records", organization, range.from, range.to, formatListing(listing)],
    queryFn: ({ pageParam, signal }): Promise<RecordsPage> =>
      getPage(organization, range, listing, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: RecordsPage) => page.next_cursor,
    // A list is of the moment it was opened; another opening asks anew.
    staleTime: Infinity,
    gcTime: 0,
    refetchOnReconnect: false,
  });
}

export function List({ organization, range, today, listing, opened }: Props) {
  const client = useQueryClient();
  const options = listQuery(organization, range, listing);
  const query = useInfiniteQuery(options);
  const box = useRef<HTMLDivElement>(null);
  const last = useRef<RecordKey | null>(null);
  useEffect(() => {
    // Back from a history the focus goes on where it was.
    if (opened === null && last.current !== null) {
      box.current
        ?.querySelector<HTMLElement>(`[data-record="${CSS.escape(formatRecord(last.current))}"]`)
        ?.focus();
    }
    last.current = opened;
  }, [opened]);
  const reload = () => void client.resetQueries({ queryKey: options.queryKey });
  const pages = query.data?.pages;
  if (pages === undefined) {
    return query.isError ? (
      <Failure
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title="The records could not be fetched"
      />
    ) : (
      <div role="status" aria-label="Loading the records" className="records-skeleton">
        <Skeleton height="100%" />
      </div>
    );
  }
  const shown = pages.reduce((sum, page) => sum + lengthOf(page), 0);
  return (
    <>
      {pages.some(({ changed }) => changed) && (
        <p className="records-changed" role="status">
          New events have arrived since the first page, so that rows and sums may differ.{" "}
          <Button variant="default" size="compact-xs" onClick={reload}>
            Reload
          </Button>
        </p>
      )}
      <div className="records-box" ref={box} tabIndex={0} role="region" aria-label="Records">
        {shown === 0 ? (
          <p className="records-none">Nothing is listed here.</p>
        ) : (
          <Table pages={pages} filter={listing.filter} today={today} />
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
      <div className="records-foot">
        <Sum first={pages[0]} shown={shown} listing={listing} />
        {!isItemKind(listing.kind) && (
          <Anchor href={exportOfList(organization, range, listing)} download="">
            Export as CSV
          </Anchor>
        )}
      </div>
    </>
  );
}

/** How many rows are shown, and what all of the list come to. */
function Sum({ first, shown, listing }: { first: RecordsPage | undefined; shown: number; listing: Listing }) {
  const { count } = formats;
  const [one, many] = KINDS[listing.kind];
  const words =
    first === undefined
      ? []
      : first.kind === "conversation" || first.kind === "workflow_execution"
        ? first.totals === null
          ? []
          : totalsWords(first.totals, formats)
        : [`${count(first.total ?? shown)} ${first.total === 1 ? one : many}`];
  return (
    <p className="records-sum" role="status">
      <strong>{words.join(" · ")}</strong>
      <span> · {shown === 1 ? "1 row is shown" : `${count(shown)} rows are shown`}</span>
    </p>
  );
}

function lengthOf(page: RecordsPage): number {
  return "records" in page ? page.records.length : page.items.length;
}
