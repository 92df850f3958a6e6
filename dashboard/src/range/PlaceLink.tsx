// A link to another place of the page: a real address, which a plain click follows without loading the page anew.

import { type ComponentProps, type MouseEvent } from "react";
import { type Change, addressOf, usePlace, visit } from "./visit";

interface Props extends Omit<ComponentProps<"a">, "href" | "onClick"> {
  readonly change: Change;
}

let opener: { element: HTMLElement | SVGElement; address: string } | null = null;

/** Remembers what opens something, to give the focus back to. */
export function openedBy(element: HTMLElement | SVGElement): void {
  opener = { element, address: element.getAttribute("href") ?? "" };
}

/** Gives the focus back to what opened something, or to what is in its place by now, or to the page. */
export function focusOpener(): void {
  const { element, address } = opener ?? { element: null, address: "" };
  const inPlace =
    element?.isConnected === false && address !== ""
      ? document.querySelector<HTMLElement>(`a[href="${CSS.escape(address)}"]`)
      : element;
  (inPlace ?? document.getElementById("main"))?.focus();
}

export function PlaceLink({ change, ...rest }: Props) {
  const place = usePlace();
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    // Another tab, another window, a download: the browser's own business.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (place.records === null && place.record === null) openedBy(event.currentTarget);
    visit(change, "push");
  };
  return <a {...rest} href={addressOf(place, change)} onClick={follow} />;
}
