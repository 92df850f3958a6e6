// A line under the cards: calls and runs in progress, silent calls, and whether the range has an earlier period.

import { type Summary } from "../api/shapes";
import { formats } from "../formats";
import { type Listing, conversations, listLinkName, runs } from "../location/listing";
import { availableComparison } from "../location/options";
import { PageLink } from "../location/PageLink";
import { usePageLocation } from "../location/router";
import { type Range } from "../range/range";

export function LiveStatus({ summary, range }: { summary: Summary; range: Range }) {
  const { compare } = usePageLocation();
  const { live_calls: calls, stale_calls: silent, live_runs: running } = summary;
  const items: { text: string; records: Listing }[] = [];
  if (calls > 0) {
    items.push({
      text: calls === 1 ? "1 call in progress" : `${formats.count(calls)} calls in progress`,
      records: conversations({ live: "true" }),
    });
  }
  if (silent > 0) {
    const subject = silent < calls ? formats.count(silent) : calls === 1 ? "" : "all";
    items.push({
      text: `${subject} silent for over ${formats.count(summary.stale_hours)} h`.trim(),
      records: conversations({ stale: "true" }),
    });
  }
  if (running > 0) {
    items.push({
      text:
        running === 1 ? "1 workflow run in progress" : `${formats.count(running)} workflow runs in progress`,
      records: runs({ live: "true" }),
    });
  }
  return (
    <p className="live">
      {items.map(({ text, records }) => (
        <span key={text}>
          <PageLink className="figure-link" change={{ records }} aria-label={listLinkName(text, records)}>
            {text}
          </PageLink>
        </span>
      ))}
      {availableComparison(range, compare) !== compare && <span>No earlier period to compare with.</span>}
    </p>
  );
}
