// The way between the product's pages: links with addresses of their own, which keep the organization.

import { type MouseEvent } from "react";
import { addressOfScreen } from "../range/address";
import { usePath, usePlace, visitScreen } from "../range/visit";

export const USAGE_PATH = "/organization/usage";
export const CONNECTORS_PATH = "/organization/usage/connectors";
const PAGES = [
  [USAGE_PATH, "Usage"],
  [CONNECTORS_PATH, "Connectors"],
] as const;

export function Pages() {
  const here = usePath();
  const { organization } = usePlace();
  const follow = (event: MouseEvent, path: string) => {
    // Another tab, another window, a download: the browser's own business.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    visitScreen(path);
  };
  return (
    <nav aria-label="Pages" className="pages">
      {PAGES.map(([path, name]) => (
        <a
          key={path}
          href={addressOfScreen(path, organization)}
          aria-current={path === here ? "page" : undefined}
          onClick={(event) => {
            follow(event, path);
          }}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}
