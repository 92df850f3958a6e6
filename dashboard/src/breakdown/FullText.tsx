// Shows the full text and the id of a shortened name, on hover and on focus. One tooltip serves everything inside.

import { type ReactNode, type SyntheticEvent, useEffect, useId, useRef, useState } from "react";

interface Props {
  readonly children: ReactNode;
  readonly className?: string;
}

interface Shown {
  readonly text: string;
  readonly detail: string;
  readonly target: HTMLElement;
}

const DELAY_MS = 400;
const GAP = 4;
const MARGIN = 8;

/** The attributes of a text that the tooltip shows in full, with a detail such as an id below. */
export function fullText(text: string, detail: string | null): Record<string, string> {
  return { "data-full": text, ...(detail !== null && detail !== text && { "data-detail": detail }) };
}

export function FullText({ children, className }: Props) {
  const id = useId();
  const tooltip = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  const timer = useRef(0);
  const stop = () => {
    clearTimeout(timer.current);
  };
  useEffect(() => stop, []);
  useEffect(() => {
    const element = tooltip.current;
    if (element === null || shown === null) return;
    const { target } = shown;
    // The focus may scroll the page to the target.
    const follow = () => {
      if (isInWindow(target)) place(element, target);
      else setShown(null);
    };
    const hideOnEscape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      // Inside a dialog, the same key would also close the dialog.
      event.preventDefault();
      event.stopPropagation();
      setShown(null);
    };
    target.setAttribute("aria-describedby", id);
    element.showPopover();
    place(element, target);
    document.addEventListener("keydown", hideOnEscape, true);
    document.addEventListener("scroll", follow, true);
    return () => {
      target.removeAttribute("aria-describedby");
      element.hidePopover();
      document.removeEventListener("keydown", hideOnEscape, true);
      document.removeEventListener("scroll", follow, true);
    };
  }, [shown, id]);
  const show = (event: SyntheticEvent) => {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-full]") : null;
    stop();
    if (target === null) {
      // The pointer may move onto the tooltip.
      if (!(event.target instanceof Node && tooltip.current?.contains(event.target))) setShown(null);
      return;
    }
    if (target === shown?.target) return;
    const { full: text = "", detail = "" } = target.dataset;
    const next = detail === "" && !isCut(target) ? null : { text, detail, target };
    // The tooltip covers what is below, so it waits until the pointer rests.
    if (event.type === "focus" || next === null) setShown(next);
    else
      timer.current = window.setTimeout(() => {
        setShown(next);
      }, DELAY_MS);
  };
  const hide = () => {
    stop();
    setShown(null);
  };
  return (
    <div className={className} onMouseOver={show} onMouseLeave={hide} onFocus={show} onBlur={hide}>
      {children}
      <div ref={tooltip} id={id} popover="manual" role="tooltip" className="full-text">
        {shown?.text}
        {shown !== null && shown.detail !== "" && <code>{shown.detail}</code>}
      </div>
    </div>
  );
}

/** Whether the text does not fit into its element. */
function isCut(element: HTMLElement): boolean {
  return element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1;
}

function isInWindow(element: HTMLElement): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < document.documentElement.clientHeight;
}

/** Place the tooltip inside the window: below the target, or above it if it does not fit below. */
function place(tooltip: HTMLElement, target: HTMLElement): void {
  const at = target.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  const { clientWidth, clientHeight } = document.documentElement;
  const below = at.bottom + GAP + height + MARGIN <= clientHeight;
  const left = Math.max(MARGIN, Math.min(at.left, clientWidth - width - MARGIN));
  tooltip.style.left = `${left}px`;
  tooltip.style.top = `${below ? at.bottom + GAP : Math.max(MARGIN, at.top - GAP - height)}px`;
}
