// A command to copy into a shell.

import { Button } from "@mantine/core";
import { useState } from "react";

const COPIED_MS = 2_000;

/** For a shell: nothing inside single quotes means anything but itself. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function Command({ what, text }: { what: string; text: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    const done = await navigator.clipboard.writeText(text).then(
      () => "Copied",
      () => "Select and copy it",
    );
    setSaid(done);
    setTimeout(() => {
      setSaid("");
    }, COPIED_MS);
  };
  return (
    <div className="command-box">
      <pre className="command" tabIndex={0} role="group" aria-label={what}>
        {text}
      </pre>
      <Button size="xs" variant="default" onClick={() => void copy()}>
        {said === "" ? "Copy" : said}
        <span className="unseen">&nbsp;{what}</span>
      </Button>
      <span role="status" className="unseen">
        {said}
      </span>
    </div>
  );
}
