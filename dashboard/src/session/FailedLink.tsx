// A sign-in link that was already used, opened while signed in.

import { useState } from "react";
import { Notice } from "../shell/Notice";

export function FailedLink({ message }: { message: string }) {
  const [open, setOpen] = useState(true);
  if (!open) return null;
  return (
    <Notice
      role="status"
      title="This link did not sign you in; you are still signed in as before"
      close={() => {
        setOpen(false);
      }}
    >
      <p>{message}</p>
    </Notice>
  );
}
