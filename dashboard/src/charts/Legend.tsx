// The legend of day marks. It takes up its space even if empty, to avoid layout shift.

import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Chart, type ChartPoint, type DayMark, MARK_LABELS } from "./series";

const LEGEND_MARKS: readonly DayMark[] = ["so-far", "settling", "no-data"];

interface Props {
  readonly chart: Chart;
  readonly points: readonly ChartPoint[];
  readonly today: Day;
}

export function Legend({ chart, points, today }: Props) {
  const marks = LEGEND_MARKS.filter((listed) => points.some(({ mark }) => mark === listed));
  return (
    <p className="chart-foot">
      {marks.map((mark) => (
        <span key={mark} className="legend">
          <span
            className={`legend-sample ${mark} ${chart.kind}`}
            {...(mark !== "no-data" && { style: { color: chart.color } })}
            aria-hidden="true"
          />
          {mark === "so-far" && `${formats.shortDay(today)} `}
          {MARK_LABELS[mark]}
        </span>
      ))}
    </p>
  );
}
