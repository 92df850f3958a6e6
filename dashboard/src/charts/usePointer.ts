// The pointer and the keys of a drawing: a click opens an interval, a drag selects a range, the first tap shows a value and the
// second opens it. Enter opens the interval that the arrow keys have selected; Home and End select the first and the last.

import {
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
  type RefObject,
  useEffect,
  useRef,
  useState,
} from "react";
import { isPlainClick } from "../location/PageLink";
import { type RangeChoice } from "../range/range";
import { type Scales } from "./layers";
import { type ChartPoint } from "./series";

/** A shorter drag is a click. */
const MIN_DRAG = 6;

interface Options {
  readonly points: readonly ChartPoint[];
  readonly scales: RefObject<Scales | null>;
  readonly open: (index: number) => void;
  /** Chooses the range of a drag; null if this drawing cannot be zoomed. */
  readonly zoom: ((choice: RangeChoice) => void) | null;
}

interface Drag {
  readonly from: number;
  readonly to: number;
}

export function usePointer({ points, scales, open, zoom }: Options) {
  const [drag, setDrag] = useState<Drag | null>(null);
  const [touched, setTouched] = useState(false);
  const start = useRef<number | null>(null);
  const dragged = useRef(false);
  /** The interval that the last tap showed. */
  const shown = useRef<number | null>(null);
  const selecting = drag !== null;
  useEffect(() => {
    if (!selecting) return;
    const cancel = (event: globalThis.KeyboardEvent) => {
      if (event.key !== "Escape") return;
      start.current = null;
      setDrag(null);
    };
    window.addEventListener("keydown", cancel, true);
    return () => {
      window.removeEventListener("keydown", cancel, true);
    };
  }, [selecting]);

  const indexAt = (x: number) => {
    const at = scales.current?.startAt(x) ?? null;
    return points.findIndex((point) => point.start === at);
  };
  const xOf = (event: MouseEvent<HTMLElement>) =>
    event.clientX - event.currentTarget.getBoundingClientRect().left;

  const handlers = {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      dragged.current = false;
      setTouched(event.pointerType === "touch");
      if (event.pointerType !== "touch" && event.button === 0 && zoom !== null) start.current = xOf(event);
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      if (start.current === null) return;
      const x = xOf(event);
      if (!dragged.current && Math.abs(x - start.current) < MIN_DRAG) return;
      dragged.current = true;
      event.currentTarget.setPointerCapture(event.pointerId);
      setDrag({ from: start.current, to: x });
    },
    onPointerUp: () => {
      if (drag !== null && start.current !== null) {
        const first = points[indexAt(Math.min(drag.from, drag.to))];
        const last = points[indexAt(Math.max(drag.from, drag.to))];
        if (first !== undefined && last !== undefined) zoom?.({ from: first.from, to: last.to });
      }
      start.current = null;
      setDrag(null);
    },
    onPointerCancel: () => {
      start.current = null;
      setDrag(null);
    },
    onClick: (event: MouseEvent<HTMLElement>) => {
      if (dragged.current || !isPlainClick(event)) return;
      const index = indexAt(xOf(event));
      if (touched && shown.current !== index) {
        shown.current = index;
        return;
      }
      shown.current = null;
      open(index);
    },
    // Recharts' own Enter hides the tooltip, so it must not see the key.
    onKeyDownCapture: (event: KeyboardEvent<HTMLElement>) => {
      const active = points.findIndex((point) => point.start === scales.current?.active);
      const move = { Home: -active, End: points.length - 1 - active }[event.key];
      if (event.key === "Enter" && active >= 0) {
        event.preventDefault();
        event.stopPropagation();
        open(active);
      } else if (move !== undefined && active >= 0) {
        event.preventDefault();
        pressArrow(event.target, move);
      }
    },
  };
  return {
    handlers,
    touched,
    selection:
      drag === null ? null : { left: Math.min(drag.from, drag.to), width: Math.abs(drag.to - drag.from) },
  };
}

/** Recharts can only be moved by its arrow keys. */
function pressArrow(target: EventTarget, steps: number): void {
  const key = steps < 0 ? "ArrowLeft" : "ArrowRight";
  for (let step = 0; step < Math.abs(steps); step++) {
    target.dispatchEvent(new window.KeyboardEvent("keydown", { key, bubbles: true }));
  }
}
