// Links between the screens of an organization, which they keep, and for operators to the list of all organizations.

import { type MouseEvent } from "react";
import { isPlainClick } from "../location/PageLink";
import { navigateToScreen, usePageLocation, usePath } from "../location/router";
import { CONNECTORS_PATH, OPERATOR_PATH, USAGE_PATH, screenUrl } from "../location/url";

const OF_ORGANIZATION = [
  [USAGE_PATH, "Usage"],
  [CONNECTORS_PATH, "Connectors"],
] as const;
const OF_OPERATOR = [[OPERATOR_PATH, "Organizations"]] as const;

export function Navigation({ operator }: { operator: boolean }) {
  const currentPath = usePath();
  const { organization } = usePageLocation();
  const screens = [
    ...(operator ? OF_OPERATOR : []),
    ...(operator && currentPath === OPERATOR_PATH ? [] : OF_ORGANIZATION),
  ];
  const follow = (event: MouseEvent, path: string) => {
    if (!isPlainClick(event)) return;
    event.preventDefault();
    navigateToScreen(path);
  };
  return (
    <nav aria-label="Pages" className="pages">
      {screens.map(([path, name]) => (
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
