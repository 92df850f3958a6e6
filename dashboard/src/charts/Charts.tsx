// The charts of a summary, in the order of usage-and-metering.md.

import { type Summary } from "../api/shapes";
import { type Day } from "../range/days";
import { ChartCard } from "./ChartCard";
import { chartsOf } from "./series";

export function Charts({ summary, today }: { summary: Summary; today: Day }) {
  return (
    <div className="charts">
      {chartsOf(summary).map((chart) => (
        <ChartCard key={chart.field} chart={chart} summary={summary} today={today} />
      ))}
    </div>
  );
}
