// The usage of one organization in the selected range: controls, status line, contents and drawer.

import { Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import { hasStatus } from "../api/errors";
import { loadBreakdown } from "../breakdown/load";
import { loadCharts } from "../charts/load";
import { loadCosts } from "../costs/load";
import { formats } from "../formats";
import { type PageFilter } from "../location/filter";
import { availableComparison, grainForRange, grainOf } from "../location/options";
import { currentLocation, navigate, usePageLocation } from "../location/router";
import { type Day, addDays, startOfDay, utcDay } from "../range/days";
import { type Range, type RangeChoice, resolveRange } from "../range/range";
import { Drawer } from "../records/Drawer";
import { ErrorAlert } from "../shell/ErrorAlert";
import { lazyPart } from "../shell/lazyPart";
import { Loaded } from "../shell/Loaded";
import { Controls } from "./Controls";
import { type Figures } from "./figures";
import { FilterChip } from "./FilterChip";
import { StatusLine } from "./StatusLine";
import { UsageContents } from "./UsageContents";
import { UsageSkeleton } from "./UsageLoading";
import { useUsage } from "./useUsage";

const Subtree = lazyPart(() => import("../subtree/Subtree"));

const choose = (choice: RangeChoice) => {
  const range = resolveRange(choice, utcDay(Date.now()));
  navigate({ choice, grain: grainForRange(range, currentLocation().grain) }, "push");
};

interface Props {
  readonly organization: string;
  readonly denied: ReactNode;
}

export function UsageReport({ organization, denied }: Props) {
  const location = usePageLocation();
  const client = useQueryClient();
  const { today, updateToday } = useToday();
  const range = resolveRange(location.choice, today);
  const { filter } = location;
  const grain = grainOf(range, location.grain);
  const compare = availableComparison(range, location.compare);
  const usage = useUsage(organization, { range, grain, filter, compare });
  // Load charts, breakdown and costs in parallel with the summary.
  useEffect(loadCharts, []);
  useEffect(() => {
    loadBreakdown(organization);
    loadCosts(organization);
  }, [organization, range.from, range.to]);
  if (hasStatus(usage.error, 403)) return denied;
  const { shown, outdated, error } = usage;
  const shownRange = shown === undefined ? range : rangeOf(shown.figures);
  const rangeChanged = shownRange.from !== range.from || shownRange.to !== range.to;
  const refresh = () => {
    // If a new day has begun, the range changes, which fetches the summary anyway.
    const newRange = resolveRange(location.choice, updateToday());
    if (newRange.from === range.from && newRange.to === range.to) usage.refetch();
    void client.invalidateQueries({ queryKey: ["breakdown", organization] });
    void client.invalidateQueries({ queryKey: ["costs", organization] });
  };
  const brandNew = shown?.lastEventAt === null;
  return (
    <>
      <div className="title-row">
        <div className="title">
          <Title order={1}>Usage</Title>
          {filter !== null && !brandNew && (
            <FilterChip filter={filter} name={shownName(shown?.figures.filter, filter)} />
          )}
        </div>
        <Controls
          organization={organization}
          range={range}
          today={today}
          choose={choose}
          refresh={refresh}
          refreshing={usage.fetching}
          hasFigures={!brandNew}
        />
      </div>
      <StatusLine
        fetched={shown}
        range={shownRange}
        today={today}
        loading={outdated && rangeChanged ? range : null}
        failed={error !== null}
        compares={location.compare !== "none"}
      />
      {error !== null && !hasStatus(error, 401) && (
        <ErrorAlert
          error={error}
          retry={refresh}
          busy={usage.fetching}
          title={
            shown === undefined || outdated
              ? `Could not load the figures for ${formats.range(range, today)}`
              : `Could not refresh the figures. They are from ${formats.time(shown.fetchedAt)}`
          }
        />
      )}
      <Loaded what="the sub-organizations">
        <Subtree organization={organization} range={range} compare={compare} />
      </Loaded>
      {shown !== undefined && (
        <div className={outdated ? "figures outdated" : "figures"} aria-busy={usage.fetching}>
          <UsageContents
            organization={organization}
            fetched={shown}
            summary={shown.summary}
            range={shownRange}
            today={today}
            choose={choose}
          />
        </div>
      )}
      {shown === undefined && error === null && <UsageSkeleton />}
      {(location.records !== null || location.record !== null) && (
        <Drawer
          organization={organization}
          range={range}
          today={today}
          listing={location.records}
          record={location.record}
        />
      )}
    </>
  );
}

/** Today's UTC date. It updates when a UTC day begins, when the tab becomes visible, and by `updateToday`. */
function useToday(): { today: Day; updateToday: () => Day } {
  const [today, setToday] = useState(() => utcDay(Date.now()));
  const updateToday = useCallback(() => {
    const day = utcDay(Date.now());
    setToday(day);
    return day;
  }, []);
  useEffect(() => {
    const timer = setTimeout(updateToday, startOfDay(addDays(today, 1)) - Date.now() + 50);
    document.addEventListener("visibilitychange", updateToday);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", updateToday);
    };
  }, [today, updateToday]);
  return { today, updateToday };
}

/** Return the days of an answer, whose window is [first day 00:00Z, day after the last 00:00Z). */
function rangeOf({ from, to }: { from: string; to: string }): Range {
  return { from: from.slice(0, 10), to: addDays(to.slice(0, 10), -1) };
}

/** Return the name of the filter's value, if the figures are those of the filter. */
function shownName(applied: Figures["filter"] | undefined, { by, value }: PageFilter): string | null {
  return applied?.by === by && (applied.value ?? "") === value ? applied.name : null;
}
