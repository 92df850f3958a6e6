// Links between the screens. They keep the organization.

import { type MouseEvent } from "react";
import { isPlainClick } from "../location/PageLink";
import { navigateToScreen, usePageLocation, usePath } from "../location/router";
import { CONNECTORS_PATH, USAGE_PATH, screenUrl } from "../location/url";

const SCREENS = [
  [USAGE_PATH, "Usage"],
  [CONNECTORS_PATH, "Connectors"],
] as const;

export function Navigation() {
  const currentPath = usePath();
  const { organization } = usePageLocation();
  const follow = (event: MouseEvent, path: string) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    navigateToScreen(path);
  };
  return (
    <nav aria-label="Pages" className="pages">
      {SCREENS.map(([path, name]) => (
        <a
          key={path}
          href={screenUrl(path, organization)}
          aria-current={path === currentPath ? "page" : undefined}
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
