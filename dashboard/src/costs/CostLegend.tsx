// The legend of the cost chart: its parts, which can be hidden, and notes about unfinished days and amounts below zero.

import { UnstyledButton } from "@mantine/core";
import { formats } from "../formats";
import { type CostSeries, type Part, negativeDays } from "./series";

/** An SVG, because forced colors remove backgrounds. */
export function Swatch({ color }: { color: string }) {
  return (
    <svg className="cost-swatch" width="10" height="10" aria-hidden="true">
      <rect width="10" height="10" rx="2" fill={color} />
    </svg>
  );
}

interface Props {
  readonly series: CostSeries;
  /** The ids of the hidden parts. */
  readonly hidden: ReadonlySet<string>;
  readonly toggle: (id: string) => void;
}

export function CostLegend({ series, hidden, toggle }: Props) {
  const { grain, parts, points } = series;
  const negative = negativeDays(series);
  const notDrawn = parts.filter(({ id }) => hidden.has(id));
  const partial = points.some((point) => point.partial);
  return (
    <div className="cost-legend">
      <ul aria-label="Parts of the chart">
        {parts.map(({ id, label, color }) => (
          <li key={id}>
            <UnstyledButton
              className="cost-part"
              aria-pressed={!hidden.has(id)}
              onClick={() => {
                toggle(id);
              }}
            >
              <Swatch color={color} /> {label}
            </UnstyledButton>
          </li>
        ))}
      </ul>
      {partial && (
        <p>{grain === "day" ? "Today is hatched: so far." : "Hatched: a part of the month, or so far."}</p>
      )}
      {notDrawn.length > 0 && <p>{hiddenText(notDrawn)}</p>}
      {negative.length > 0 && <p>{negativeText(negative)}</p>}
    </div>
  );
}

function hiddenText(parts: readonly Part[]): string {
  const names = parts.map(({ label }) => label).join(", ");
  return `Not drawn: ${names}. Select a name above to draw it.`;
}

function negativeText(days: readonly string[]): string {
  const [first] = days;
  const what =
    days.length === 1 && first !== undefined
      ? `${formats.shortDay(first)} has an amount below zero`
      : `${days.length} days have an amount below zero`;
  return `${what}: the month reached a volume tier with a lower price, which applies to all its units, also those of earlier days.`;
}
