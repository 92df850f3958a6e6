// A chart's data as a table. The last row is the card's figure from the API, not a sum computed here.

import { formats } from "../formats";
import { listLinkName } from "../location/listing";
import { PageLink } from "../location/PageLink";
import { type Chart, type ChartPoint, markSuffix, recordsOnDay } from "./series";

interface Props {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
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
            ? "Each day is rounded to 0.01 minutes. The export has exact milliseconds."
            : "Days are in UTC."}
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
                {markSuffix(point)}
              </th>
              <td className="number">
                <DayValue chart={chart} point={point} text={format(point.value)} />
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

/** A value that links to the day's calls or runs. A day without data has no link, a future day no value. */
function DayValue({ chart, point, text }: { chart: Chart; point: ChartPoint; text: string }) {
  const { day, mark } = point;
  if (mark === "future") return <span aria-label="no value">–</span>;
  if (mark === "no-data") return text;
  const records = recordsOnDay(chart, day);
  return (
    <PageLink
      className="figure-link"
      change={{ records }}
      aria-label={listLinkName(`${text} ${chart.unit}, ${formats.day(day)}`, records)}
    >
      {text}
    </PageLink>
  );
}
