// A chart's figures as a table; its last row is the card's figure as the API gave it, not a sum made here.

import { formats } from "../formats";
import { PlaceLink } from "../range/PlaceLink";
import { type Chart, type Point, markWords, recordsOfDay } from "./series";

interface Props {
  readonly chart: Chart;
  readonly points: readonly Point[];
  readonly total: number;
}

export function ChartTable({ chart, points, total }: Props) {
  const minutes = chart.unit === "minutes";
  const format = minutes ? formats.minutes : formats.count;
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label={`${chart.title} as a table`}>
      <table>
        <caption>
          {minutes
            ? "Days are rounded to 0.01 minutes each; exact milliseconds are in the export."
            : "Days are UTC."}
        </caption>
        <thead>
          <tr>
            <th scope="col">Day (UTC)</th>
            <th scope="col" className="number">
              {chart.title}
            </th>
          </tr>
        </thead>
        <tbody>
          {points.map((point) => (
            <tr key={point.day}>
              <th scope="row">
                {formats.day(point.day)}
                {markWords(point)}
              </th>
              <td className="number">
                <Value chart={chart} point={point} text={format(point.value)} />
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Whole range</th>
            <td className="number">{format(total)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

/** A day's value leads to its records; a day of which nothing came has none, a day to come has no value either. */
function Value({ chart, point, text }: { chart: Chart; point: Point; text: string }) {
  const { day, mark } = point;
  if (mark === "future") return <span aria-label="none">–</span>;
  if (mark === "no-data") return text;
  return (
    <PlaceLink
      className="figure-link"
      change={{ records: recordsOfDay(chart, day) }}
      aria-label={`${text} ${chart.unit}, ${formats.day(day)}, show the records`}
    >
      {text}
    </PlaceLink>
  );
}
