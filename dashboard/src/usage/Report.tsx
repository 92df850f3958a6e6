// The figures of one organization over the chosen range: title, range, refresh, and what is shown below them.

import { Button, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, Suspense, lazy, useEffect, useState } from "react";
import { hasStatus } from "../api/errors";
import { loadCharts } from "../charts/load";
import { loadDrives } from "../drives/load";
import { ExportControl } from "../export/ExportControl";
import { formats } from "../formats";
import { type Figures, summaryQuery } from "../queries";
import { addDays } from "../range/days";
import { comparable } from "../range/options";
import { type Choice, type Range, resolve } from "../range/range";
import { useToday } from "../range/useToday";
import { usePlace, visit } from "../range/visit";
import { RangeControl } from "../range/RangeControl";
import { Boundary } from "../shell/Boundary";
import { Failure } from "../shell/Failure";
import { Again } from "../shell/icons";
import { CompareControl } from "./CompareControl";
import { Contents } from "./Contents";
import { Freshness } from "./Freshness";
import { SkeletonFigures } from "./Loading";

const RecordsDrawer = lazy(() => import("../records/RecordsDrawer"));
const DRAWER_FAILED = (
  <p role="alert" className="popup over-page">
    The records could not be loaded. Reload the page to try again.
  </p>
);
const choose = (choice: Choice) => {
  visit({ choice }, "push");
};

interface Props {
  readonly organization: string;
  readonly denied: ReactNode;
}

export function Report({ organization, denied }: Props) {
  const place = usePlace();
  const client = useQueryClient();
  const { today, renew } = useToday();
  const range = resolve(place.choice, today);
  const query = useQuery(summaryQuery(organization, range, comparable(range, place.compare)));
  const [last, setLast] = useState<Figures>();
  if (query.data !== undefined && query.data !== last) setLast(query.data);
  // The code of charts and breakdowns, and the first breakdown, are fetched beside the summary, not after it.
  useEffect(loadCharts, []);
  useEffect(() => {
    loadDrives(organization);
  }, [organization, range.from, range.to]);
  if (hasStatus(query.error, 403)) return denied;
  // Where a changed range cannot be fetched, the figures of the one before stay.
  const figures = query.data ?? last;
  const shown = figures === undefined ? range : rangeOfAnswer(figures.summary);
  const moved = shown.from !== range.from || shown.to !== range.to;
  const late = figures !== undefined && (query.data === undefined || query.isPlaceholderData);
  const refresh = () => {
    // A new day changes a moving range, and so is asked for by itself.
    const now = resolve(place.choice, renew());
    if (now.from === range.from && now.to === range.to) void query.refetch();
    void client.invalidateQueries({ queryKey: ["breakdown", organization] });
  };
  return (
    <>
      <div className="title-row">
        <Title order={1}>Usage</Title>
        <div className="controls">
          <CompareControl compare={place.compare} />
          <RangeControl choice={place.choice} today={today} choose={choose} />
          <ExportControl organization={organization} range={range} />
          <Button variant="default" leftSection={<Again />} loading={query.isFetching} onClick={refresh}>
            Refresh
          </Button>
        </div>
      </div>
      <Freshness
        figures={figures}
        range={shown}
        today={today}
        wanted={late && moved ? range : null}
        failed={query.isError}
      />
      {query.isError && !hasStatus(query.error, 401) && (
        <Failure
          error={query.error}
          retry={refresh}
          busy={query.isFetching}
          title={
            figures === undefined || moved
              ? `The figures of ${formats.range(range, today)} could not be fetched`
              : `The figures could not be refreshed; these are of ${formats.time(figures.fetchedAt)}`
          }
        />
      )}
      {figures !== undefined && (
        <div className={late ? "figures late" : "figures"} aria-busy={query.isFetching}>
          <Contents
            organization={organization}
            summary={figures.summary}
            range={shown}
            today={today}
            choose={choose}
          />
        </div>
      )}
      {figures === undefined && query.isPending && <SkeletonFigures />}
      {(place.records !== null || place.record !== null) && (
        <Boundary failed={DRAWER_FAILED}>
          <Suspense fallback={null}>
            <RecordsDrawer
              organization={organization}
              range={range}
              today={today}
              listing={place.records}
              record={place.record}
            />
          </Suspense>
        </Boundary>
      )}
    </>
  );
}

/** The days that an answer is about: its window is [first day 00:00Z, day after the last 00:00Z). */
export function rangeOfAnswer({ from, to }: { from: string; to: string }): Range {
  return { from: from.slice(0, 10), to: addDays(to.slice(0, 10), -1) };
}
