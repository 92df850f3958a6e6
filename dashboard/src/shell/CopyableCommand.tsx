// A shell command with a copy button.

import { Button } from "@mantine/core";
import { useState } from "react";

const COPIED_MS = 2_000;

/** Quote an argument for a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function CopyableCommand({ label, text }: { label: string; text: string }) {
  const [status, setStatus] = useState("");
  const copy = async () => {
    const result = await navigator.clipboard.writeText(text).then(
      () => "Copied",
      () => "Select and copy",
    );
    setStatus(result);
    setTimeout(() => {
      setStatus("");
    }, COPIED_MS);
  };
  return (
    <div className="command-box">
      <pre className="command" tabIndex={0} role="group" aria-label={label}>
        {text}
      </pre>
      <Button size="xs" variant="default" onClick={() => void copy()}>
        {status === "" ? "Copy" : status}
        <span className="visually-hidden">&nbsp;{label}</span>
      </Button>
      <span role="status" className="visually-hidden">
        {status}
      </span>
    </div>
  );
}
