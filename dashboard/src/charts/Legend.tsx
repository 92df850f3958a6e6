// The legend of a chart: its parts, the earlier period, and the marks. It takes up its space even if empty, to avoid layout
// shift.

import { type Grain } from "../location/options";
import { type Chart, type ChartPoint, type DayMark, MARK_LABELS } from "./series";

const LEGEND_MARKS: readonly DayMark[] = ["so-far", "settling", "no-data"];

interface Props {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
  readonly grain: Grain;
}

export function Legend({ chart, points, grain }: Props) {
  const marks = LEGEND_MARKS.filter((listed) => points.some(({ mark }) => mark === listed));
  const settling = points.filter(({ mark }) => mark === "settling").length;
  const ringed = points.some((point) => point.ringed);
  const compared = points.some(({ earlier }) => earlier !== null);
  return (
    <p className="chart-foot">
      {chart.parts.map(({ label, color }) => (
        <span key={label} className="legend">
          <span className="swatch" style={{ color }} aria-hidden="true" />
          {label}
        </span>
      ))}
      {compared && (
        <span className="legend">
          <span className={`swatch earlier ${chart.kind}`} aria-hidden="true" />
          Earlier period
        </span>
      )}
      {marks.map((mark) => (
        <span key={mark} className="legend">
          {(mark !== "settling" || ringed) && (
            <span
              className={`legend-sample ${mark} ${chart.kind}`}
              {...(mark !== "no-data" && { style: { color: chart.color } })}
              aria-hidden="true"
            />
          )}
          {mark === "settling" && !ringed && `${settling} ${grain}s `}
          {MARK_LABELS[mark]}
        </span>
      ))}
    </p>
  );
}
