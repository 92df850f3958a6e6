// The status line: when the figures were fetched, what they are compared with, when the newest event arrived.

import { useEffect, useState } from "react";
import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Range } from "../range/range";
import { type Figures } from "./figures";

const TICK_MS = 30_000;

export interface Fetched {
  readonly figures: Figures;
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
  readonly lastEventAt: string | null;
}

interface Props {
  readonly fetched: Fetched | undefined;
  readonly range: Range;
  readonly today: Day;
  /** The range being loaded, while the figures still belong to the previous one. */
  readonly loading: Range | null;
  /** The last request failed, so nothing is being loaded. */
  readonly failed: boolean;
  /** The reader asked for a comparison. */
  readonly compares: boolean;
}

export function StatusLine({ fetched, range, today, loading, failed, compares }: Props) {
  const now = useNow();
  if (fetched === undefined) return <p className="status-line">Loading…</p>;
  const { figures, fetchedAt, lastEventAt } = fetched;
  const { comparison } = figures;
  return (
    <p className="status-line">
      <span role="status" className={loading === null ? "visually-hidden" : ""}>
        {loading !== null &&
          `Still showing ${formats.range(range, today)}${failed ? "" : `; loading ${formats.range(loading, today)}`}`}
      </span>
      <span className="print-only">{formats.range(range, today)} (UTC)</span>
      <span>
        Updated <Ago instant={fetchedAt} now={now} />
      </span>
      {lastEventAt === null && <span>No data received yet</span>}
      {comparison !== null && lastEventAt !== null && (
        <span>
          Compared with{" "}
          {formats.span(Date.parse(comparison.then.from), Date.parse(comparison.then.to), today)}
        </span>
      )}
      {comparison === null && compares && lastEventAt !== null && (
        <span>No earlier period to compare with</span>
      )}
      {lastEventAt !== null && (
        <span className="secondary">
          Last event <Ago instant={Date.parse(lastEventAt)} now={now} />
        </span>
      )}
      <span className="secondary">Days in UTC</span>
    </p>
  );
}

/** How long ago an instant was, with the exact time on hover. */
function Ago({ instant, now }: { instant: number; now: number }) {
  return (
    <time dateTime={new Date(instant).toISOString()} title={formats.preciseInstant(instant)}>
      {formats.ago(instant, now)}
    </time>
  );
}

/** The time, renewed twice a minute. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now());
    }, TICK_MS);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return now;
}
