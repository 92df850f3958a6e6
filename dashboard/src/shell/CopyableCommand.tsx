// A shell command with a copy button.

import { Button } from "@mantine/core";
import { useCopy } from "./useCopy";

/** Quote an argument for a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function CopyableCommand({ label, text }: { label: string; text: string }) {
  const { message, copy } = useCopy();
  return (
    <div className="command-box">
      <pre className="command" tabIndex={0} role="group" aria-label={label}>
        {text}
      </pre>
      <Button
        size="xs"
        variant="default"
        onClick={() => {
          copy(text);
        }}
      >
        {message === "" ? "Copy" : message}
        <span className="visually-hidden">&nbsp;{label}</span>
      </Button>
      <span role="status" className="visually-hidden">
        {message}
      </span>
    </div>
  );
}
