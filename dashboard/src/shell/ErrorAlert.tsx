// An error message with a button to try again.

import { Button } from "@mantine/core";
import { Notice } from "./Notice";

interface Props {
  readonly error: Error;
  readonly retry: () => void;
  readonly busy: boolean;
  readonly title?: string;
}

export function ErrorAlert({ error, retry, busy, title = "Could not load this page" }: Props) {
  return (
    <Notice role="alert" title={title} isError>
      <p className="notice-text">{error.message}</p>
      <Button size="xs" variant="default" loading={busy} onClick={retry}>
        Try again
      </Button>
    </Notice>
  );
}
