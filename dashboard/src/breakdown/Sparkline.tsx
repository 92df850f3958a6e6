// A decorative line of a row's series. Drawn by hand, because a Recharts chart per row would be too heavy.

const WIDTH = 120;
const HEIGHT = 28;
const PADDING = 2;

export function Sparkline({ series }: { series: readonly number[] }) {
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      aria-hidden="true"
      preserveAspectRatio="none"
    >
      <path d={sparklinePath(series)} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** Return the SVG path, scaled from 0 to the largest value; empty if there are fewer than two values. */
export function sparklinePath(series: readonly number[]): string {
  if (series.length < 2) return "";
  const max = Math.max(1, ...series);
  const points = series.map((value, index) => {
    const x = PADDING + (index / (series.length - 1)) * (WIDTH - 2 * PADDING);
    const y = HEIGHT - PADDING - (value / max) * (HEIGHT - 2 * PADDING);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}
