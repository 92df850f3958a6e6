// An error message with a button to try again.

import { Alert, Button } from "@mantine/core";

interface Props {
  readonly error: Error;
  readonly retry: () => void;
  readonly busy: boolean;
  readonly title?: string;
}

export function ErrorAlert({ error, retry, busy, title = "Could not load this page" }: Props) {
  return (
    <Alert role="alert" color="red" variant="outline" title={title} className="notice">
      <p className="notice-text">{error.message}</p>
      <Button size="xs" variant="default" loading={busy} onClick={retry}>
        Try again
      </Button>
    </Alert>
  );
}
