// The figures of one organization over the chosen range: title, range, refresh, and what is shown below them.

import { Button, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { hasStatus } from "../api/errors";
import { loadCharts } from "../charts/load";
import { formats } from "../formats";
import { summaryQuery } from "../queries";
import { addDays } from "../range/days";
import { type Range, resolve } from "../range/range";
import { useToday } from "../range/useToday";
import { usePlace, visit } from "../range/visit";
import { RangeControl } from "../range/RangeControl";
import { Failure } from "../shell/Failure";
import { Again } from "../shell/icons";
import { Contents } from "./Contents";
import { Freshness } from "./Freshness";
import { SkeletonFigures } from "./Loading";

interface Props {
  readonly organization: string;
  readonly denied: ReactNode;
}

export function Report({ organization, denied }: Props) {
  const place = usePlace();
  const { today, renew } = useToday();
  const range = resolve(place.choice, today);
  const query = useQuery(summaryQuery(organization, range));
  // The charts' code is fetched beside the summary, not after it.
  useEffect(loadCharts, []);
  if (hasStatus(query.error, 403)) return denied;
  const figures = query.data;
  const shown = figures === undefined ? range : rangeOfAnswer(figures.summary);
  const late = query.isPlaceholderData;
  const refresh = () => {
    // A new day changes a moving range, and so is asked for by itself.
    const now = resolve(place.choice, renew());
    if (now.from === range.from && now.to === range.to) void query.refetch();
  };
  return (
    <>
      <div className="title-row">
        <Title order={1}>Usage</Title>
        <div className="controls">
          <RangeControl
            choice={place.choice}
            today={today}
            choose={(choice) => {
              visit(organization, choice, "push");
            }}
          />
          <Button variant="default" leftSection={<Again />} loading={query.isFetching} onClick={refresh}>
            Refresh
          </Button>
        </div>
      </div>
      <Freshness figures={figures} range={shown} today={today} wanted={late ? range : null} />
      {query.isError && !hasStatus(query.error, 401) && (
        <Failure
          error={query.error}
          retry={refresh}
          busy={query.isFetching}
          title={
            figures === undefined
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
            choose={(choice) => {
              visit(organization, choice, "push");
            }}
          />
        </div>
      )}
      {figures === undefined && query.isPending && <SkeletonFigures />}
    </>
  );
}

/** The days that an answer is about: its window is [first day 00:00Z, day after the last 00:00Z). */
export function rangeOfAnswer({ from, to }: { from: string; to: string }): Range {
  return { from: from.slice(0, 10), to: addDays(to.slice(0, 10), -1) };
}
