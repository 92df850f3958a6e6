// The export menu: download links, with arrow-key navigation.

import { type KeyboardEvent, useEffect, useRef } from "react";
import { exportUrl } from "../api/exports";
import { DIMENSION_LABELS } from "../location/options";
import { usePageLocation } from "../location/router";
import { type Range } from "../range/range";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly close: () => void;
}

export default function ExportMenu({ organization, range, close }: Props) {
  const { by, order } = usePageLocation();
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    links(menu.current)[0]?.focus();
  }, []);
  const downloads = [
    ["Daily totals, CSV", exportUrl(organization, range, "daily")],
    ["Daily totals, JSON lines", exportUrl(organization, range, "daily", { format: "jsonl" })],
    [
      `Breakdown: ${DIMENSION_LABELS[by]}, CSV`,
      exportUrl(organization, range, "breakdown", { by, order: by === "workflow" ? "runs" : order }),
    ],
    ["Calls, CSV", exportUrl(organization, range, "records", { kind: "conversation" })],
    ["Workflow runs, CSV", exportUrl(organization, range, "records", { kind: "workflow_execution" })],
  ] as const;
  const move = (event: KeyboardEvent) => {
    const items = links(menu.current);
    const index = items.findIndex((link) => link === document.activeElement);
    const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") close();
    if (target === undefined) return;
    event.preventDefault();
    items.at(target % items.length)?.focus();
  };
  return (
    <div className="popup downloads" role="menu" aria-label="Export" ref={menu} onKeyDown={move}>
      {downloads.map(([label, address]) => (
        <a key={label} role="menuitem" tabIndex={-1} href={address} download="" onClick={close}>
          {label}
        </a>
      ))}
    </div>
  );
}

function links(menu: HTMLElement | null): readonly HTMLElement[] {
  return [...(menu?.querySelectorAll<HTMLElement>("a") ?? [])];
}
