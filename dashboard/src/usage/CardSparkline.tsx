// The small, decorative chart of a card.

const WIDTH = 100;
const HEIGHT = 28;
const PADDING = 2;

interface Props {
  /** Null for an interval without data. */
  readonly values: readonly (number | null)[];
  readonly color: string;
}

export function CardSparkline({ values, color }: Props) {
  const { line, area } = sparklinePaths(values);
  return (
    <svg
      className="card-sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      style={{ color }}
      aria-hidden="true"
      preserveAspectRatio="none"
    >
      <path className="card-sparkline-area" d={area} />
      <path className="card-sparkline-line" d={line} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** Return the SVG paths, scaled from 0 to the largest value, with gaps for missing data. */
export function sparklinePaths(values: readonly (number | null)[]): { line: string; area: string } {
  const max = Math.max(1e-9, ...values.map((value) => value ?? 0));
  const x = (index: number) =>
    (PADDING + (index / Math.max(1, values.length - 1)) * (WIDTH - 2 * PADDING)).toFixed(1);
  const y = (value: number) => (HEIGHT - PADDING - (value / max) * (HEIGHT - 2 * PADDING)).toFixed(1);
  const runs = splitAtGaps(values);
  const draw = (run: Run) => run.map(([index, value]) => `${x(index)} ${y(value)}`).join("L");
  return {
    line: runs.map((run) => `M${draw(run)}${run.length === 1 ? "h.01" : ""}`).join(""),
    area: runs
      .map((run) => `M${x(run[0]?.[0] ?? 0)} ${HEIGHT}L${draw(run)}L${x(run.at(-1)?.[0] ?? 0)} ${HEIGHT}Z`)
      .join(""),
  };
}

type Run = readonly (readonly [index: number, value: number])[];

function splitAtGaps(values: readonly (number | null)[]): readonly Run[] {
  const runs: (readonly [number, number])[][] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const last = runs.at(-1);
    if (last !== undefined && last.at(-1)?.[0] === index - 1) last.push([index, value]);
    else runs.push([[index, value]]);
  });
  return runs;
}
