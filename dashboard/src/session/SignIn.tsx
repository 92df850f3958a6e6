// The sign-in screen: paste a key, or see how to create a one-time link.

import { Button, PasswordInput, Title } from "@mantine/core";
import "@mantine/core/styles/ActionIcon.css";
import "@mantine/core/styles/PasswordInput.css";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { signInWithKey } from "../api/client";
import { type SignedOutReason, startSession, toSessionState } from "../queries";
import { Notice } from "../shell/Notice";

export { FailedLink } from "./FailedLink";

/** A key, or a token of an identity provider (a JWT). */
const LOOKS_LIKE_A_KEY = /^(?:(?:ak|pat)_[!-~]+|[\w-]+\.[\w-]+\.[\w-]*)$/;
const NOT_A_KEY = "This does not look like a key. It starts with ak_ or pat_.";

function noticeOf(reason: SignedOutReason): { title: string; text: string } | null {
  switch (reason.kind) {
    case "never":
      return null;
    case "ended":
      return { title: "Your session ended", text: "Sign in again to continue where you left off." };
    case "signed-out":
      return { title: "You are signed out", text: "Your organization’s data was removed from this tab." };
    case "link":
      return { title: "This link did not sign you in", text: reason.message };
  }
}

export default function SignIn({ reason }: { reason: SignedOutReason }) {
  const [key, setKey] = useState("");
  const signing = useMutation({
    mutationFn: async (pasted: string) => {
      if (!LOOKS_LIKE_A_KEY.test(pasted)) throw new Error(NOT_A_KEY);
      return await signInWithKey(pasted);
    },
    onSuccess: (session) => {
      startSession(toSessionState(session));
      // The form disappears, so keyboard users continue at the top of the page.
      document.getElementById("main")?.focus();
    },
  });
  const notice = noticeOf(reason);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const pasted = key.trim().replace(/^Bearer\s+/i, "");
    if (pasted !== "" && !signing.isPending) signing.mutate(pasted);
  };
  return (
    <div className="sign-in">
      <Title order={1}>Sign in</Title>
      {notice !== null && (
        <Notice role="status" title={notice.title} isError={reason.kind === "link"}>
          <p>{notice.text}</p>
        </Notice>
      )}
      <form onSubmit={submit}>
        <PasswordInput
          label="Key or token"
          description="An organization key (ak_…), a personal token (pat_…) or a token from your identity provider."
          autoComplete="off"
          spellCheck={false}
          value={key}
          error={signing.error?.message}
          visibilityToggleButtonProps={{ "aria-label": "Show the key", "aria-hidden": false, tabIndex: 0 }}
          onChange={(event) => {
            setKey(event.currentTarget.value);
          }}
        />
        <Button type="submit" loading={signing.isPending} disabled={key.trim() === ""} mt="md">
          Sign in
        </Button>
      </form>
      <section aria-labelledby="by-link">
        <Title order={2} size="h5" id="by-link">
          Or use a sign-in link
        </Title>
        <p>
          Run this command where Talkmeter is installed. It prints a one-time link that is valid for 10
          minutes:
        </p>
        <pre className="command">talkmeter link --org ORG_ID</pre>
      </section>
    </div>
  );
}
