// A link that changes the page's state. It has a real URL; a plain click follows it without a reload.

import { type ComponentProps, type MouseEvent } from "react";
import { type StateChange, navigate, urlAfter, usePageLocation } from "./router";

interface Props extends Omit<ComponentProps<"a">, "href" | "onClick"> {
  readonly change: StateChange;
}

let opener: { element: HTMLElement | SVGElement; href: string } | null = null;

/** Remember the element that opens the drawer. */
export function rememberOpener(element: HTMLElement | SVGElement): void {
  opener = { element, href: element.getAttribute("href") ?? "" };
}

/** Return the focus to the opener, or to a link with the same URL if it was re-rendered, or to the main element. */
export function restoreFocus(): void {
  const { element, href } = opener ?? { element: null, href: "" };
  const target =
    element?.isConnected === false && href !== ""
      ? document.querySelector<HTMLElement>(`a[href="${CSS.escape(href)}"]`)
      : element;
  (target ?? document.getElementById("main"))?.focus();
}

/** Whether a click only follows the link, and does not open a tab or window or start a download. */
export function isPlainClick(event: MouseEvent): boolean {
  const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  return event.button === 0 && !modified;
}

export function PageLink({ change, ...rest }: Props) {
  const location = usePageLocation();
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    if (location.records === null && location.record === null) rememberOpener(event.currentTarget);
    navigate(change, "push");
  };
  return <a {...rest} href={urlAfter(location, change)} onClick={follow} />;
}
