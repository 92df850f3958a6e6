// All organizations of the platform, for its operators. The server sorts and searches; pages load while scrolling.

import { Button, NativeSelect, TextInput, Title } from "@mantine/core";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { getOrganizations, organizationsFile } from "../api/organizations";
import { hasStatus } from "../api/errors";
import { ErrorAlert } from "../shell/ErrorAlert";
import { OrganizationTable } from "./OrganizationTable";
import { lastMonths, monthName } from "./months";

export function OperatorScreen() {
  const [months] = useState(() => lastMonths(Date.now()));
  const [month, setMonth] = useState(months[0] ?? "");
  const [sort, setSort] = useState("-calls");
  const [typed, setTyped] = useState("");
  const search = useSettled(typed.trim());
  const query = { month, sort, search };
  const list = useInfiniteQuery({
    queryKey: ["organizations", query],
    queryFn: ({ pageParam, signal }) => getOrganizations(query, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
    placeholderData: keepPreviousData,
  });
  const ended = month !== months[0];
  if (hasStatus(list.error, 403)) return <NoOperator />;
  const more = () => {
    if (list.hasNextPage && !list.isFetching) void list.fetchNextPage();
  };
  return (
    <>
      <div className="title-row">
        <div className="title">
          <Title order={1}>Organizations</Title>
        </div>
        <div className="controls">
          <NativeSelect
            aria-label="Month"
            value={month}
            data={months.map((value) => ({ value, label: monthName(value) }))}
            onChange={(event) => {
              setMonth(event.currentTarget.value);
              if (sort.endsWith("change")) setSort("-calls");
            }}
          />
          <TextInput
            aria-label="Search"
            type="search"
            placeholder="Name or id"
            maxLength={100}
            value={typed}
            onChange={(event) => {
              setTyped(event.currentTarget.value);
            }}
          />
          <Button component="a" variant="default" href={organizationsFile(query)} download>
            Download CSV
          </Button>
        </div>
      </div>
      <p className="freshness" role="status">
        {list.isFetching ? "Loading…" : "Days are UTC. The change compares whole days."}
      </p>
      {list.error !== null && (
        <ErrorAlert error={list.error} retry={() => void list.refetch()} busy={list.isFetching} />
      )}
      {list.data !== undefined && (
        <OrganizationTable pages={list.data.pages} sort={sort} ended={ended} sortBy={setSort} />
      )}
      {list.hasNextPage && <LoadMore load={more} />}
    </>
  );
}

/** A button at the end of the list. It presses itself when it is scrolled into view. */
function LoadMore({ load }: { load: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  }, [load]);
  useEffect(() => {
    if (button.current === null) return undefined;
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting === true) latest.current();
    });
    observer.observe(button.current);
    return () => {
      observer.disconnect();
    };
  }, []);
  return (
    <Button ref={button} variant="default" onClick={load}>
      Load more
    </Button>
  );
}

function NoOperator() {
  return (
    <div className="message">
      <Title order={1}>No access to all organizations</Title>
      <p>
        Only operators see all organizations. Sign in with an operator key, or with a link of{" "}
        <code>talkmeter link --operator</code>.
      </p>
    </div>
  );
}

const SETTLE_MS = 250;

/** Return a text once it has not changed for a moment, so that not every letter is searched. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => {
      setSettled(text);
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [text]);
  return settled;
}
