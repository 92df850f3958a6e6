// The usage of one organization in the selected range: controls, status line, contents and drawer.

import { Button, NativeSelect, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useState } from "react";
import { hasStatus } from "../api/errors";
import { loadBreakdown } from "../breakdown/load";
import { loadCharts } from "../charts/load";
import { ExportControl } from "../export/ExportControl";
import { formats } from "../formats";
import { COMPARISON_LABELS, type ComparisonMode, availableComparison, isKeyOf } from "../location/options";
import { navigate, usePageLocation } from "../location/router";
import { type FetchedSummary, summaryQuery } from "../queries";
import { type Day, addDays, startOfDay, utcDay } from "../range/days";
import { type Range, type RangeChoice, resolveRange } from "../range/range";
import { RangeControl } from "../range/RangeControl";
import { Drawer } from "../records/Drawer";
import { ErrorAlert } from "../shell/ErrorAlert";
import { RefreshIcon } from "../shell/icons";
import { Freshness } from "./Freshness";
import { UsageContents } from "./UsageContents";
import { UsageSkeleton } from "./UsageLoading";

const choose = (choice: RangeChoice) => {
  navigate({ choice }, "push");
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
  const query = useQuery(summaryQuery(organization, range, availableComparison(range, location.compare)));
  const [last, setLast] = useState<FetchedSummary>();
  if (query.data !== undefined && query.data !== last) setLast(query.data);
  // Load charts and breakdown in parallel with the summary.
  useEffect(loadCharts, []);
  useEffect(() => {
    loadBreakdown(organization);
  }, [organization, range.from, range.to]);
  if (hasStatus(query.error, 403)) return denied;
  // If a new range cannot be loaded, keep the figures of the previous one.
  const figures = query.data ?? last;
  const shownRange = figures === undefined ? range : summaryRange(figures.summary);
  const rangeChanged = shownRange.from !== range.from || shownRange.to !== range.to;
  const outdated = figures !== undefined && (query.data === undefined || query.isPlaceholderData);
  const refresh = () => {
    // If a new day has begun, the range changes, which fetches the summary anyway.
    const newRange = resolveRange(location.choice, updateToday());
    if (newRange.from === range.from && newRange.to === range.to) void query.refetch();
    void client.invalidateQueries({ queryKey: ["breakdown", organization] });
  };
  return (
    <>
      <div className="title-row">
        <Title order={1}>Usage</Title>
        <div className="controls">
          <ComparisonControl compare={location.compare} />
          <RangeControl choice={location.choice} today={today} choose={choose} />
          <ExportControl organization={organization} range={range} />
          <Button
            variant="default"
            leftSection={<RefreshIcon />}
            loading={query.isFetching}
            onClick={refresh}
          >
            Refresh
          </Button>
        </div>
      </div>
      <Freshness
        figures={figures}
        range={shownRange}
        today={today}
        loading={outdated && rangeChanged ? range : null}
        failed={query.isError}
      />
      {query.isError && !hasStatus(query.error, 401) && (
        <ErrorAlert
          error={query.error}
          retry={refresh}
          busy={query.isFetching}
          title={
            figures === undefined || rangeChanged
              ? `Could not load the figures for ${formats.range(range, today)}`
              : `Could not refresh the figures. They are from ${formats.time(figures.fetchedAt)}`
          }
        />
      )}
      {figures !== undefined && (
        <div className={outdated ? "figures outdated" : "figures"} aria-busy={query.isFetching}>
          <UsageContents
            organization={organization}
            summary={figures.summary}
            range={shownRange}
            today={today}
            choose={choose}
          />
        </div>
      )}
      {figures === undefined && query.isPending && <UsageSkeleton />}
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

function ComparisonControl({ compare }: { compare: ComparisonMode }) {
  return (
    <label className="labelled">
      <span>Comparison</span>
      <NativeSelect
        value={compare}
        data={Object.entries(COMPARISON_LABELS).map(([value, label]) => ({ value, label }))}
        onChange={({ currentTarget: { value } }) => {
          if (isKeyOf(COMPARISON_LABELS, value)) navigate({ compare: value }, "push");
        }}
      />
    </label>
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

/** Return the days of a summary, whose window is [first day 00:00Z, day after the last 00:00Z). */
function summaryRange({ from, to }: { from: string; to: string }): Range {
  return { from: from.slice(0, 10), to: addDays(to.slice(0, 10), -1) };
}
