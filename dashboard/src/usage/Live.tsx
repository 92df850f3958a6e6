// One quiet line under the cards: what has not ended yet, which of it has gone silent, and a range without a past.

import { type Summary } from "../api/shapes";
import { formats } from "../formats";
import { PlaceLink } from "../range/PlaceLink";
import { type Listing, conversations, runs } from "../range/listing";
import { comparable } from "../range/options";
import { type Range } from "../range/range";
import { usePlace } from "../range/visit";

export function Live({ summary, range }: { summary: Summary; range: Range }) {
  const { compare } = usePlace();
  const { live_calls: calls, stale_calls: silent, live_runs: running } = summary;
  const sentences: { text: string; records: Listing }[] = [];
  if (calls > 0) {
    sentences.push({
      text: calls === 1 ? "1 conversation is live" : `${formats.count(calls)} conversations are live`,
      records: conversations({ live: "true" }),
    });
  }
  if (silent > 0) {
    const hours = formats.count(summary.stale_hours);
    sentences.push({
      text:
        silent === 1
          ? `1 live conversation has had no event for ${hours} hours`
          : `${formats.count(silent)} live conversations have had no event for ${hours} hours`,
      records: conversations({ stale: "true" }),
    });
  }
  if (running > 0) {
    sentences.push({
      text: running === 1 ? "1 workflow run is live" : `${formats.count(running)} workflow runs are live`,
      records: runs({ live: "true" }),
    });
  }
  return (
    <p className="live">
      {sentences.length === 0 && <span>No conversation of this range is live.</span>}
      {sentences.map(({ text, records }) => (
        <span key={text}>
          <PlaceLink className="figure-link" change={{ records }} aria-label={`${text}, show the records`}>
            {text}
          </PlaceLink>
        </span>
      ))}
      {comparable(range, compare) !== compare && <span>This range has nothing to be compared with.</span>}
    </p>
  );
}
