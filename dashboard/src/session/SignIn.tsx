// Signing in: with a pasted key here, or with a one-time link, which opens the page by itself.

import { Alert, Button, PasswordInput, Title } from "@mantine/core";
import "@mantine/core/styles/ActionIcon.css";
import "@mantine/core/styles/PasswordInput.css";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { signInWithKey } from "../api/client";
import { type SignedOutReason, enter, stateOf } from "../queries";

function reason(why: SignedOutReason): { title: string; text: string } | null {
  switch (why.kind) {
    case "never":
      return null;
    case "ended":
      return { title: "Your session ended", text: "Sign in again to go on where you were." };
    case "signed-out":
      return { title: "You are signed out", text: "Nothing of your organization is left in this tab." };
    case "link":
      return { title: "This link did not sign you in", text: why.sentence };
  }
}

export default function SignIn({ why }: { why: SignedOutReason }) {
  const [key, setKey] = useState("");
  const signing = useMutation({
    mutationFn: async (pasted: string) => {
      if (!/^[!-~]+$/.test(pasted))
        throw new Error("This is no key: it has spaces or letters that no key has.");
      return await signInWithKey(pasted);
    },
    onSuccess: (session) => {
      enter(stateOf(session));
      // The form goes away: whoever works with the keyboard goes on at the top of the page.
      document.getElementById("main")?.focus();
    },
  });
  const said = reason(why);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const pasted = key.trim().replace(/^Bearer\s+/i, "");
    if (pasted !== "" && !signing.isPending) signing.mutate(pasted);
  };
  return (
    <div className="sign-in">
      <Title order={1}>Sign in</Title>
      {said !== null && (
        <Alert
          className="notice"
          role="status"
          color={why.kind === "link" ? "red" : "blue"}
          variant="outline"
          title={said.title}
        >
          {said.text}
        </Alert>
      )}
      <form onSubmit={submit}>
        <PasswordInput
          label="Key or token"
          description="An organization key (ak_…), a personal token (pat_…) or a token of your identity provider."
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
          Or with a link
        </Title>
        <p>Where Talkmeter is installed, this prints a link that signs you in once, within 10 minutes:</p>
        <pre className="command">talkmeter link --org ORG_ID</pre>
      </section>
    </div>
  );
}
