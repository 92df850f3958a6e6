// A chart's figures as a table; its last row is the card's figure as the API gave it, not a sum made here.

import { formats } from "../formats";
import { type Chart, type Point } from "./series";

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
            ? `Days are rounded to 0.01 minutes each; the API has the exact milliseconds (${chart.field.replace("minutes", "duration_ms")}).`
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
          {points.map(({ day, value, partial }) => (
            <tr key={day}>
              <th scope="row">
                {formats.day(day)}
                {partial && " (so far)"}
              </th>
              <td className="number">{format(value)}</td>
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
