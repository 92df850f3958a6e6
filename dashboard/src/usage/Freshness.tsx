// The status line: the days shown, when they were fetched, when the last event was received.

import { formats } from "../formats";
import { type FetchedSummary } from "../queries";
import { type Day } from "../range/days";
import { type Range } from "../range/range";

interface Props {
  readonly figures: FetchedSummary | undefined;
  readonly range: Range;
  readonly today: Day;
  /** The range being loaded, while the figures still belong to the previous one. */
  readonly loading: Range | null;
  /** The last request failed, so nothing is being loaded. */
  readonly failed: boolean;
}

export function Freshness({ figures, range, today, loading, failed }: Props) {
  const days = formats.range(range, today);
  if (figures === undefined) return <p className="freshness">{days} (UTC)</p>;
  const lastEvent = figures.summary.last_event_at;
  return (
    <p className="freshness" role="status">
      {loading === null ? (
        <span>{days} (UTC)</span>
      ) : (
        <span>
          Still showing {days}
          {!failed && `; loading ${formats.range(loading, today)}`}
        </span>
      )}
      <span>Updated {formats.time(figures.fetchedAt)}</span>
      <span>
        {lastEvent === null
          ? "No events received yet"
          : `Last event received ${formats.instant(Date.parse(lastEvent))}`}
      </span>
    </p>
  );
}
