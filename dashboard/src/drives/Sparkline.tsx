// A row's series as a small line: a drawing of ours, as a chart for each row would weigh too much. It only decorates.

const WIDTH = 120;
const HEIGHT = 28;
const EDGE = 2;

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
      <path d={pathOf(series)} vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

/** From 0 at the bottom to the greatest value at the top; one value alone is a level line. */
export function pathOf(series: readonly number[]): string {
  const most = Math.max(1, ...series);
  const values = series.length === 1 ? [...series, ...series] : series;
  const points = values.map((value, index) => {
    const x = EDGE + (index / (values.length - 1)) * (WIDTH - 2 * EDGE);
    const y = HEIGHT - EDGE - (value / most) * (HEIGHT - 2 * EDGE);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return points.length === 0 ? "" : `M${points.join("L")}`;
}
