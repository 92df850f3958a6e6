// Something went wrong: the API's sentence and a way to try again.

import { Alert, Button } from "@mantine/core";

interface Props {
  readonly error: Error;
  readonly retry: () => void;
  readonly busy: boolean;
  readonly title?: string;
}

export function Failure({ error, retry, busy, title = "The figures could not be fetched" }: Props) {
  return (
    <Alert role="alert" color="red" variant="outline" title={title} className="notice">
      <p className="notice-text">{error.message}</p>
      <Button size="xs" variant="default" loading={busy} onClick={retry}>
        Try again
      </Button>
    </Alert>
  );
}
