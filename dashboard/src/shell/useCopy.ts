// Copies a text and says for two seconds whether that worked.

import { useCallback, useEffect, useRef, useState } from "react";

const COPIED_MS = 2_000;

/** Return the message to show ("" if there is none) and the function that copies. */
export function useCopy(): { message: string; copy: (text: string) => void } {
  const [message, setMessage] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
    },
    [],
  );
  const copy = useCallback((text: string) => {
    const show = (result: string) => {
      setMessage(result);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        setMessage("");
      }, COPIED_MS);
    };
    write(text).then(
      () => {
        show("Copied");
      },
      () => {
        show("Select and copy");
      },
    );
  }, []);
  return { message, copy };
}

/** On plain http, browsers have no clipboard. */
async function write(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
