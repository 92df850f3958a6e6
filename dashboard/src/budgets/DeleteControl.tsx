// Deletes a budget after a confirmation in place.

import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

export function DeleteControl({ busy, remove }: { busy: boolean; remove: () => void }) {
  const [asking, setAsking] = useState(false);
  if (asking) {
    return (
      <Confirmation
        busy={busy}
        remove={remove}
        keep={() => {
          setAsking(false);
        }}
      />
    );
  }
  return (
    <Button
      className="budget-delete"
      size="xs"
      variant="subtle"
      color="red"
      disabled={busy}
      onClick={() => {
        setAsking(true);
      }}
    >
      Delete…
    </Button>
  );
}

interface ConfirmationProps {
  readonly busy: boolean;
  readonly remove: () => void;
  readonly keep: () => void;
}

function Confirmation({ busy, remove, keep }: ConfirmationProps) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <div className="budget-confirm" role="group" aria-label="Delete this budget">
      <p>Delete this budget and its history? This cannot be undone.</p>
      <div className="buttons">
        <Button ref={button} size="xs" variant="default" disabled={busy} onClick={keep}>
          Keep it
        </Button>
        <Button size="xs" color="red" loading={busy} onClick={remove}>
          Delete it
        </Button>
      </div>
    </div>
  );
}
