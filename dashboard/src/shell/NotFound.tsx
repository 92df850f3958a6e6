// The page's own not-found.

import { Anchor, Title } from "@mantine/core";
import { Frame } from "./Frame";

export function NotFound() {
  return (
    <Frame>
      <div className="message">
        <Title order={1}>There is nothing here</Title>
        <p>
          The address <code>{window.location.pathname}</code> leads nowhere. What you look for may be on the{" "}
          <Anchor href="/organization/usage">Usage page</Anchor>.
        </p>
      </div>
    </Frame>
  );
}
