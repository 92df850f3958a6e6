// The cells of a row of the breakdown. The name filters the page; each figure opens the calls or runs behind it.

import { type Breakdown, type BreakdownRow } from "../api/breakdown";
import { formats } from "../formats";
import { listLinkName } from "../location/listing";
import { type Dimension } from "../location/options";
import { PageLink } from "../location/PageLink";
import { type RowChange, figureColumns, rowChange } from "./columns";
import { fullText } from "./FullText";
import { DIMENSION_NOUNS, valueLabel } from "./labels";
import { type BreakdownOrder } from "./query";
import { type RowCosts } from "./rowCosts";
import { Sparkline } from "./Sparkline";

/** What all rows of a table have in common. */
export interface RowView {
  readonly by: Dimension;
  readonly order: BreakdownOrder;
  /** Which intervals of the series are drawn. */
  readonly drawn: readonly boolean[];
  readonly compared: boolean;
  /** Null: the table has no Cost column. */
  readonly costs: RowCosts | null;
  /** The bars of the shares are scaled to it. */
  readonly greatestShare: number;
}

export function BreakdownCells({ row, view }: { row: BreakdownRow; view: RowView }) {
  const { by } = view;
  const { value, name } = row;
  const label = valueLabel(by, value, name);
  return (
    <>
      <th scope="row" role="rowheader" className="column-name">
        <PageLink
          className="value-link"
          change={{ filter: { by, value: value ?? "" } }}
          aria-label={`${label}, filter the page by this ${DIMENSION_NOUNS[by][0]}`}
          {...fullText(label, by === "channel" ? null : value)}
        >
          {label}
        </PageLink>
      </th>
      {figureColumns(by).map(({ id, head, text, value: figureOf, records }) => {
        const figure = text(row, formats);
        const list = records(by, value ?? "");
        return (
          <td key={id} role="cell" className={`column-${id}`} data-head={head}>
            {figureOf(row) === 0 ? (
              <span className="zero">{figure}</span>
            ) : (
              <PageLink
                className="figure-link"
                change={{ records: list }}
                aria-label={listLinkName(`${label}, ${head}: ${figure}`, list)}
              >
                {figure}
              </PageLink>
            )}
          </td>
        );
      })}
      <CommonCells row={row} view={view} cost={view.costs?.text(value)} />
    </>
  );
}

/** The row of all values that are not in the table. */
export function OtherCells({ others, view }: { others: Breakdown["others"]; view: RowView }) {
  const [singular, plural] = DIMENSION_NOUNS[view.by];
  return (
    <>
      <th scope="row" role="rowheader" className="column-name">
        {formats.count(others.values)} other {others.values === 1 ? singular : plural}
      </th>
      {figureColumns(view.by).map(({ id, head, text }) => (
        <td key={id} role="cell" className={`column-${id}`} data-head={head}>
          {text(others, formats)}
        </td>
      ))}
      <CommonCells row={others} view={view} cost="" />
    </>
  );
}

interface CommonProps {
  readonly row: BreakdownRow | Breakdown["others"];
  readonly view: RowView;
  readonly cost: string | undefined;
}

function CommonCells({ row, view, cost }: CommonProps) {
  const change = view.compared ? rowChange(row, view.order, formats) : null;
  const series = (row.series ?? []).filter((_, index) => view.drawn[index] === true);
  return (
    <>
      {view.costs !== null && (
        <td role="cell" className="column-cost" data-head="Cost">
          {cost}
        </td>
      )}
      <td role="cell" className="column-share" data-head="Share">
        <span className="share">
          <span className="share-bar" aria-hidden="true">
            <span style={{ width: `${(row.share / Math.max(view.greatestShare, 0.0001)) * 100}%` }} />
          </span>
          <span className="share-percent">{formats.share(row.share)}</span>
        </span>
      </td>
      {view.compared && (
        <td role="cell" className="column-change" data-head="Change">
          {change !== null && <Change change={change} />}
        </td>
      )}
      <td role="cell" className="column-series">
        <Sparkline series={series} />
      </td>
    </>
  );
}

const ARROWS = { up: "\u25b2", down: "\u25bc", same: "" } as const;

function Change({ change: { percent, direction, earlier } }: { change: RowChange }) {
  return (
    <span className="change">
      {percent !== null && (
        <span className="change-percent">
          {direction !== "same" && <span aria-hidden="true">{ARROWS[direction]} </span>}
          {percent}
        </span>
      )}{" "}
      <span className="change-was">{earlier}</span>
    </span>
  );
}
