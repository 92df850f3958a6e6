// The figures of the selected range, grain and filter. Days without a filter come from the summary alone; cards and charts of
// any other selection come from one series, so that they cannot disagree.

import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { type Summary } from "../api/shapes";
import { type PageFilter, needsSeries } from "../location/filter";
import { type ComparisonMode, type Grain } from "../location/options";
import { seriesQuery, summaryQuery } from "../queries";
import { type Range } from "../range/range";
import { figuresOfSeries, figuresOfSummary } from "./figures";
import { type Fetched } from "./StatusLine";

export interface Selection {
  readonly range: Range;
  readonly grain: Grain;
  readonly filter: PageFilter | null;
  readonly compare: ComparisonMode;
}

export interface Usage {
  /** The newest figures, which may belong to the previous selection. */
  readonly shown: (Fetched & { readonly summary: Summary }) | undefined;
  /** The figures do not belong to the selection. */
  readonly outdated: boolean;
  readonly error: Error | null;
  readonly fetching: boolean;
  readonly refetch: () => void;
}

export function useUsage(organization: string, { range, grain, filter, compare }: Selection): Usage {
  const withSeries = needsSeries(grain, filter);
  const summary = useQuery(summaryQuery(organization, range, compare));
  const series = useQuery({
    ...seriesQuery(organization, range, { interval: grain, compare, filter }),
    enabled: withSeries,
  });
  const current = useMemo(() => {
    if (summary.data === undefined || summary.isPlaceholderData) return undefined;
    const { summary: answer, fetchedAt } = summary.data;
    const common = { summary: answer, lastEventAt: answer.last_event_at };
    if (!withSeries) return { ...common, figures: figuresOfSummary(answer), fetchedAt };
    if (series.data === undefined) return undefined;
    return {
      ...common,
      figures: figuresOfSeries(series.data.series),
      fetchedAt: series.data.fetchedAt,
    };
  }, [summary.data, summary.isPlaceholderData, series.data, withSeries]);
  // If a selection cannot be loaded, the figures of the previous one stay.
  const [last, setLast] = useState(current);
  if (current !== undefined && current !== last) setLast(current);
  const shown = current ?? last;
  return {
    shown,
    outdated: shown !== undefined && current === undefined,
    error: summary.error ?? (withSeries ? series.error : null),
    fetching: summary.isFetching || (withSeries && series.isFetching),
    refetch: () => {
      void summary.refetch();
      if (withSeries) void series.refetch();
    },
  };
}
