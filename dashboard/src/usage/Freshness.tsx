// One line: the days that the figures are of, when they were fetched, when the newest event arrived.

import { formats } from "../formats";
import { type Figures } from "../queries";
import { type Day } from "../range/days";
import { type Range } from "../range/range";

interface Props {
  readonly figures: Figures | undefined;
  readonly range: Range;
  readonly today: Day;
  /** The range that is on its way, where the figures still belong to the one before. */
  readonly wanted: Range | null;
  /** The last request failed: nothing is on its way. */
  readonly failed: boolean;
}

export function Freshness({ figures, range, today, wanted, failed }: Props) {
  const days = formats.range(range, today);
  if (figures === undefined) return <p className="freshness">{days}, days in UTC</p>;
  const newest = figures.summary.last_event_at;
  return (
    <p className="freshness" role="status">
      {wanted === null ? (
        <span>{days}, days in UTC</span>
      ) : (
        <span>
          Still showing {days}
          {!failed && `; ${formats.range(wanted, today)} is on its way`}
        </span>
      )}
      <span>fetched at {formats.time(figures.fetchedAt)}</span>
      <span>
        {newest === null
          ? "no event has arrived yet"
          : `newest event arrived ${formats.instant(Date.parse(newest))}`}
      </span>
    </p>
  );
}
