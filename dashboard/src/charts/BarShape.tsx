// A stacked bar, with a line at the value of the earlier period. The bar of an interval that is not over is hatched.

import { type ReactElement, useId } from "react";
import { RingMark } from "./marks";
import { type ChartPart, type ChartPoint } from "./series";

/** A value above 0 is always visible beside a much larger one. */
const MIN_HEIGHT = 2;
const RADIUS = 3;

export interface BarShapeProps {
  readonly x?: number;
  readonly width?: number;
  readonly background?: { readonly y?: number; readonly height?: number };
  readonly payload?: ChartPoint;
}

interface Props extends BarShapeProps {
  readonly parts: readonly ChartPart[];
  /** The highest tick. */
  readonly top: number;
}

export function BarShape({ x, width, background, payload, parts, top }: Props): ReactElement {
  const hatch = useId();
  const { y: plotTop, height: plotHeight } = background ?? {};
  if (x === undefined || width === undefined || plotTop === undefined || plotHeight === undefined)
    return <g />;
  if (payload === undefined || payload.mark === "no-data" || payload.mark === "future") return <g />;
  const bottom = plotTop + plotHeight;
  const scale = (value: number) => (value / top) * plotHeight;
  const height = payload.value > 0 ? Math.max(MIN_HEIGHT, scale(payload.value)) : 0;
  const radius = Math.min(RADIUS, width / 3, height);
  return (
    <g>
      {height > 0 && (
        <g className={payload.partial ? "bar partial" : "bar"}>
          {payload.partial && <Hatch id={hatch} />}
          {stack(payload, height).map(({ from, to, index, last }) => (
            <path
              key={index}
              fill={parts[index]?.color}
              mask={payload.partial ? `url(#${hatch})` : undefined}
              d={roundedBar(x, bottom - from, width, to - from, last ? radius : 0)}
            />
          ))}
          {payload.partial && (
            <path className="partial-outline" d={roundedBar(x, bottom, width, height, radius)} />
          )}
        </g>
      )}
      {payload.earlier !== null && (
        <path className="earlier-cap" d={`M${x - 2} ${bottom - scale(payload.earlier)}h${width + 4}`} />
      )}
      {payload.ringed && (
        <RingMark x={x + width / 2} y={bottom - height} color={parts[0]?.color ?? "currentColor"} />
      )}
    </g>
  );
}

function Hatch({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={`${id}p`} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="2.5" height="6" fill="#fff" />
      </pattern>
      <mask id={id}>
        <rect x="-9999" y="-9999" width="99999" height="99999" fill={`url(#${id}p)`} />
      </mask>
    </defs>
  );
}

/** Return the parts above 0 with their lower and upper end, in pixels above the axis. */
function stack({ parts, value }: ChartPoint, height: number) {
  const shown = parts.flatMap((amount, index) => (amount > 0 ? [{ amount, index }] : []));
  let from = 0;
  return shown.map(({ amount, index }, place) => {
    const last = place === shown.length - 1;
    const to = last ? height : from + (amount / value) * height;
    const part = { index, from, to, last };
    from = to;
    return part;
  });
}

/** Return the path of a bar whose upper corners are round. */
function roundedBar(x: number, bottom: number, width: number, height: number, radius: number): string {
  const r = Math.min(radius, height);
  return `M${x} ${bottom}v${r - height}q0 ${-r} ${r} ${-r}h${width - 2 * r}q${r} 0 ${r} ${r}v${height - r}Z`;
}
