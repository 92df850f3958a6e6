// The webhooks that get the messages of a budget; nothing if the organization has none.

import { Button } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type Webhook, testWebhook } from "../api/budgets";
import { type Draft } from "./draft";
import { webhooksQuery } from "./query";

interface Props {
  readonly organization: string;
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
}

export function WebhookFields({ organization, draft, change }: Props) {
  const { data } = useQuery(webhooksQuery(organization));
  // A webhook that was deleted stays in the budget until it is taken out.
  const deleted = draft.webhooks.filter((id) => data?.every((webhook) => webhook.id !== id) ?? true);
  const choices = [
    ...(data ?? []).map((webhook) => ({ id: webhook.id, text: webhookText(webhook) })),
    ...deleted.map((id) => ({ id, text: data === undefined ? id : `${id} (deleted)` })),
  ];
  if (choices.length === 0) return null;
  return (
    <fieldset className="budget-webhooks budget-wide">
      <legend>Send messages to</legend>
      {choices.map(({ id, text }) => (
        <div key={id} className="budget-webhook">
          <label className="budget-check">
            <input
              type="checkbox"
              checked={draft.webhooks.includes(id)}
              onChange={({ currentTarget: { checked } }) => {
                const others = draft.webhooks.filter((other) => other !== id);
                change({ webhooks: checked ? [...others, id] : others });
              }}
            />
            <span>{text}</span>
          </label>
          {!deleted.includes(id) && <TestButton organization={organization} id={id} />}
        </div>
      ))}
    </fieldset>
  );
}

function TestButton({ organization, id }: { organization: string; id: string }) {
  const { mutate, isPending, isSuccess, error } = useMutation({
    mutationFn: () => testWebhook(organization, id),
  });
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        loading={isPending}
        aria-label={`Send a test message to webhook ${id}`}
        onClick={() => {
          mutate();
        }}
      >
        Send a test
      </Button>
      <span role="status">{isSuccess ? "The test message is being sent." : error?.message}</span>
    </>
  );
}

function webhookText({ id, url, failing_since: failing, disabled_at: disabled }: Webhook): string {
  const state = disabled !== null ? ", disabled after failures" : failing !== null ? ", failing" : "";
  return `Webhook ${id} (${new URL(url).host}${state})`;
}
