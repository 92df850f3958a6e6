// The rows of the breakdown. Each has a figure, a share and a sparkline, and links to the calls or runs behind it.

import { type Breakdown, type BreakdownRow } from "../api/breakdown";
import { formats } from "../formats";
import { type Dimension } from "../location/options";
import { PageLink } from "../location/PageLink";
import { DIMENSION_NOUNS, recordsOfValue, valueLabel } from "./labels";
import { type BreakdownOrder, figureValue } from "./query";
import { Sparkline } from "./Sparkline";

const UNITS: Readonly<Record<BreakdownOrder, readonly [string, string]>> = {
  calls: ["call", "calls"],
  voice: ["minutes", "minutes"],
  chat: ["minutes", "minutes"],
  runs: ["run", "runs"],
};

interface Props {
  readonly by: Dimension;
  readonly order: BreakdownOrder;
  readonly breakdown: Breakdown;
}

export function BreakdownRows({ by, order, breakdown }: Props) {
  const { rows, others } = breakdown;
  const [singular, plural] = DIMENSION_NOUNS[by];
  return (
    <ul className="breakdown-rows">
      {rows.map((row) => (
        <li key={row.value ?? ""} className="breakdown-item">
          <PageLink className="breakdown-row" change={{ records: recordsOfValue(by, row.value) }}>
            <RowName by={by} row={row} />
            <RowFigures row={row} order={order} />
          </PageLink>
        </li>
      ))}
      {others.values > 0 && (
        <li className="breakdown-row others">
          <span className="breakdown-name">
            {formats.count(others.values)} other {others.values === 1 ? singular : plural}
          </span>
          <RowFigures row={others} order={order} />
        </li>
      )}
    </ul>
  );
}

function RowName({ by, row: { value, name } }: { by: Dimension; row: BreakdownRow }) {
  return (
    <span className="breakdown-name">
      {valueLabel(by, value, name)}
      {value !== null && name !== null && name !== value && <span className="breakdown-id"> {value}</span>}
    </span>
  );
}

/** The spaces between the parts are for screen readers. */
function RowFigures({ row, order }: { row: BreakdownRow | Breakdown["others"]; order: BreakdownOrder }) {
  const value = figureValue(row, order);
  const minutes = order === "voice" || order === "chat";
  const [singular, plural] = UNITS[order];
  return (
    <>
      {" "}
      <span className="breakdown-figure">
        {minutes ? formats.minutes(value) : formats.count(value)}
        <span className="breakdown-unit"> {value === 1 ? singular : plural}</span>
      </span>{" "}
      <span className="breakdown-share">
        <span className="breakdown-bar" aria-hidden="true">
          <span style={{ width: `${row.share * 100}%` }} />
        </span>
        <span className="breakdown-percent">{formats.share(row.share)}</span>
      </span>
      <Sparkline series={row.series ?? []} />
    </>
  );
}
