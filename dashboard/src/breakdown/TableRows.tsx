// The rows of the breakdown's table: all of them, or only those in view.

import { type Range, defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, type RefObject, useCallback, useState } from "react";
import { type BreakdownRow } from "../api/breakdown";

interface Props {
  readonly rows: readonly BreakdownRow[];
  readonly cells: (row: BreakdownRow) => ReactNode;
}

const ESTIMATED_HEIGHT = 49;
const ROWS_BEFORE_AND_AFTER = 10;
/** The row of the column heads is the first. */
const FIRST_ROW_INDEX = 2;

export function AllRows({ rows, cells }: Props) {
  return rows.map((row, index) => (
    <tr
      key={row.value ?? ""}
      role="row"
      className={row.value === null ? "without" : ""}
      aria-rowindex={index + FIRST_ROW_INDEX}
    >
      {cells(row)}
    </tr>
  ));
}

export function RowsInView({ rows, cells, box }: Props & { readonly box: RefObject<HTMLElement | null> }) {
  const [focused, setFocused] = useState<number | null>(null);
  const rangeExtractor = useCallback(
    (range: Range) => {
      const indexes = defaultRangeExtractor(range);
      // The focused row stays, because removing it would lose the focus.
      if (focused === null || focused >= range.count || indexes.includes(focused)) return indexes;
      return [...indexes, focused].toSorted((a, b) => a - b);
    },
    [focused],
  );
  // eslint-disable-next-line react-hooks/incompatible-library -- it is read in this render only
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ESTIMATED_HEIGHT,
    getItemKey: (index) => rows[index]?.value ?? "",
    overscan: ROWS_BEFORE_AND_AFTER,
    rangeExtractor,
  });
  const items = virtualizer.getVirtualItems();
  const end = items.at(-1)?.end ?? 0;
  return (
    <>
      {items.flatMap(({ index, key, start }, position) => {
        const row = rows[index];
        if (row === undefined) return [];
        const gap = start - (items[position - 1]?.end ?? 0);
        return [
          ...(gap > 0 ? [<Gap key={`before ${String(key)}`} height={gap} />] : []),
          <tr
            key={key}
            ref={virtualizer.measureElement}
            role="row"
            data-index={index}
            className={row.value === null ? "without" : ""}
            aria-rowindex={index + FIRST_ROW_INDEX}
            onFocus={() => {
              setFocused(index);
            }}
            onBlur={() => {
              setFocused(null);
            }}
          >
            {cells(row)}
          </tr>,
        ];
      })}
      <Gap height={virtualizer.getTotalSize() - end} />
    </>
  );
}

/** Takes the room of rows that are not rendered. */
function Gap({ height }: { height: number }) {
  return (
    <tr aria-hidden="true" className="gap">
      <td style={{ height }} />
    </tr>
  );
}
