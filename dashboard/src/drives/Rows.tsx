// The rows of one split: each value with its figure, its share as bar and percentage, and its days; a link to its records.

import { type Breakdown, type BreakdownRow } from "../api/lists";
import { formats } from "../formats";
import { PlaceLink } from "../range/PlaceLink";
import { type By } from "../range/options";
import { type RowOrder, figureOf } from "./ask";
import { Sparkline } from "./Sparkline";
import { recordsOf, valueWords } from "./words";

const UNITS: Readonly<Record<RowOrder, readonly [string, string]>> = {
  calls: ["call", "calls"],
  voice: ["minutes", "minutes"],
  chat: ["minutes", "minutes"],
  runs: ["run", "runs"],
};

interface Props {
  readonly by: By;
  readonly order: RowOrder;
  readonly breakdown: Breakdown;
}

export function Rows({ by, order, breakdown }: Props) {
  const { rows, others } = breakdown;
  return (
    <ul className="drive-rows">
      {rows.map((row) => (
        <li key={row.value ?? ""} className="drive-item">
          <PlaceLink className="drive" change={{ records: recordsOf(by, row.value) }}>
            <Name by={by} row={row} />
            <Rest row={row} order={order} />
          </PlaceLink>
        </li>
      ))}
      {others.values > 0 && (
        <li className="drive others">
          <span className="drive-name">
            Others ({formats.count(others.values)} {others.values === 1 ? "value" : "values"})
          </span>
          <Rest row={others} order={order} />
        </li>
      )}
    </ul>
  );
}

function Name({ by, row: { value, name } }: { by: By; row: BreakdownRow }) {
  const words = valueWords(by, value, name);
  return (
    <span className="drive-name">
      {words}
      {value !== null && name !== null && name !== value && <span className="drive-id"> {value}</span>}
    </span>
  );
}

/** The spaces between the parts are for those who hear them. */
function Rest({ row, order }: { row: BreakdownRow | Breakdown["others"]; order: RowOrder }) {
  const value = figureOf(row, order);
  const minutes = order === "voice" || order === "chat";
  const [one, many] = UNITS[order];
  return (
    <>
      {" "}
      <span className="drive-figure">
        {minutes ? formats.minutes(value) : formats.count(value)}
        <span className="drive-unit"> {value === 1 ? one : many}</span>
      </span>{" "}
      <span className="drive-share">
        <span className="drive-bar" aria-hidden="true">
          <span style={{ width: `${row.share * 100}%` }} />
        </span>
        <span className="drive-percent">{formats.share(row.share)}</span>
      </span>
      <Sparkline series={row.series ?? []} />
    </>
  );
}
