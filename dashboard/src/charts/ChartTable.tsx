// A chart's data as a table, newest first. The last row is the card's figure from the API, not a sum computed here.

import { formats } from "../formats";
import { listLinkName } from "../location/listing";
import { type Grain } from "../location/options";
import { PageLink } from "../location/PageLink";
import { usePageLocation } from "../location/router";
import { type Chart, type ChartPoint, markSuffix, recordsOnDay } from "./series";

interface Props {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
  readonly grain: Grain;
  readonly total: number;
  /** The totals of the chart's parts. */
  readonly parts: readonly number[];
  readonly earlierTotal: number | null;
}

const INTERVALS: Readonly<Record<Grain, string>> = {
  hour: "Hour (UTC)",
  day: "Day (UTC)",
  week: "Week (UTC)",
  month: "Month (UTC)",
};

export function ChartTable({ chart, points, grain, total, parts, earlierTotal }: Props) {
  const minutes = chart.unit === "minutes";
  const format = minutes ? formats.minutes : formats.count;
  const compared = points.some(({ earlier }) => earlier !== null);
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label={`${chart.title(grain)} as a table`}>
      <table>
        <caption>
          {minutes
            ? "Each row is rounded to 0.01 minutes. The export has exact milliseconds."
            : "Newest first."}
        </caption>
        <thead>
          <tr>
            <th scope="col">{INTERVALS[grain]}</th>
            <th scope="col" className="number">
              {chart.title(grain)}
            </th>
            {chart.parts.map(({ label }) => (
              <th key={label} scope="col" className="number">
                {label}
              </th>
            ))}
            {compared && (
              <th scope="col" className="number">
                Earlier
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {points.toReversed().map((point) => (
            <tr key={point.start}>
              <th scope="row">
                {point.label}
                {markSuffix(point)}
              </th>
              <td className="number">
                <Value chart={chart} point={point} grain={grain} text={format(point.value)} />
              </td>
              {chart.parts.map(({ label }, index) => (
                <td key={label} className="number">
                  {point.mark === "future" ? "–" : formats.count(point.parts[index] ?? 0)}
                </td>
              ))}
              {compared && (
                <td className="number" title={point.earlierLabel}>
                  {point.earlier === null ? "–" : format(point.earlier)}
                </td>
              )}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Whole range</th>
            <td className="number">{format(total)}</td>
            {parts.map((part, index) => (
              <td key={index} className="number">
                {formats.count(part)}
              </td>
            ))}
            {compared && <td className="number">{earlierTotal === null ? "–" : format(earlierTotal)}</td>}
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

interface ValueProps {
  readonly chart: Chart;
  readonly point: ChartPoint;
  readonly grain: Grain;
  readonly text: string;
}

/** A value that links to the day's calls or runs. An interval without data has no link, a future one no value. */
function Value({ chart, point, grain, text }: ValueProps) {
  const { filter } = usePageLocation();
  if (point.mark === "future") return <span aria-label="no value">–</span>;
  if (point.mark === "no-data" || grain !== "day") return text;
  const records = recordsOnDay(chart, point.from, filter);
  return (
    <PageLink
      className="figure-link"
      change={{ records }}
      aria-label={listLinkName(`${text} ${chart.unit}, ${point.label}`, records)}
    >
      {text}
    </PageLink>
  );
}
