// What the marks of a chart's days mean; takes its room whether there are any or not, so that nothing jumps.

import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Chart, MARKS, type Mark, type Point } from "./series";

const SHOWN: readonly Mark[] = ["so-far", "settling", "no-data"];

interface Props {
  readonly chart: Chart;
  readonly points: readonly Point[];
  readonly today: Day;
}

export function Legend({ chart, points, today }: Props) {
  const marks = SHOWN.filter((shown) => points.some(({ mark }) => mark === shown));
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
          {MARKS[mark]}
        </span>
      ))}
    </p>
  );
}
