// The downloads of the range: links in a menu, through which the arrow keys lead.

import { type KeyboardEvent, useEffect, useRef } from "react";
import { exportOf } from "../api/exports";
import { TABS } from "../range/options";
import { type Range } from "../range/range";
import { usePlace } from "../range/visit";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly close: () => void;
}

export default function ExportMenu({ organization, range, close }: Props) {
  const { by, order } = usePlace();
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    links(menu.current)[0]?.focus();
  }, []);
  const split = { by, order: by === "workflow" ? "runs" : order };
  const downloads = [
    ["Daily totals, CSV", exportOf(organization, range, "daily")],
    ["Daily totals, JSON lines", exportOf(organization, range, "daily", { format: "jsonl" })],
    [`What drives it: ${TABS[by]}, CSV`, exportOf(organization, range, "breakdown", split)],
    ["Conversations, CSV", exportOf(organization, range, "records", { kind: "conversation" })],
    ["Workflow runs, CSV", exportOf(organization, range, "records", { kind: "workflow_execution" })],
  ] as const;
  const move = (event: KeyboardEvent) => {
    const all = links(menu.current);
    const at = all.findIndex((link) => link === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") close();
    if (to === undefined) return;
    event.preventDefault();
    all.at(to % all.length)?.focus();
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
