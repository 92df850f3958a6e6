// A part of the page whose code could not be loaded: in its place, or as a popup below its button.

import { Button } from "@mantine/core";
import { useEffect, useRef } from "react";

interface FailureProps {
  /** What could not be loaded: `the breakdown`. */
  readonly what: string;
  readonly retry: () => void;
}

export function LoadFailure({ what, retry }: FailureProps) {
  return (
    <div role="alert" className="load-failure">
      <p>{failureText(what)}</p>
      <Button size="xs" variant="default" onClick={retry}>
        Try again
      </Button>
    </div>
  );
}

/** Takes the focus. Escape closes it, wherever the focus is. */
export function PopupFailure({ what, retry, close }: FailureProps & { close: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  useEffect(() => {
    const closeOnEscape = ({ key }: KeyboardEvent) => {
      if (key === "Escape") close();
    };
    document.addEventListener("keydown", closeOnEscape);
    return () => {
      document.removeEventListener("keydown", closeOnEscape);
    };
  }, [close]);
  return (
    <div role="alert" className="popup load-failure">
      <p>{failureText(what)}</p>
      <div className="buttons">
        <Button ref={button} size="xs" variant="default" onClick={retry}>
          Try again
        </Button>
        <Button size="xs" variant="subtle" onClick={close}>
          Close
        </Button>
      </div>
    </div>
  );
}

export function failureText(what: string): string {
  return `Could not load ${what}. Check your connection and try again.`;
}
