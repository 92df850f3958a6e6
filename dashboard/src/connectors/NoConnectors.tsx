// An organization without connectors: what they are for, and for an operator how to create one.

import { Paper, Title } from "@mantine/core";
import { CopyableCommand, shellQuote } from "../shell/CopyableCommand";

export function NoConnectors({ organization, operator }: { organization: string; operator: boolean }) {
  return (
    <Paper withBorder className="empty brand-new">
      <Title order={2} size="h4">
        No connectors yet
      </Title>
      <p>
        A connector receives the webhooks that Twilio, Vapi, Retell, ElevenLabs, LiveKit, Telnyx, Plivo, n8n
        or your own program sends when a call, chat or run ends, and counts them as usage.
      </p>
      {operator ? (
        <CommandsToAdd organization={organization} />
      ) : (
        <p>Ask the operator of Talkmeter to add one.</p>
      )}
    </Paper>
  );
}

function CommandsToAdd({ organization }: { organization: string }) {
  return (
    <ol>
      <li>
        Where Talkmeter is installed, store the provider’s signing secret in a variable:
        <CopyableCommand label="command to store the secret" text="read -rs TOKEN && export TOKEN" />
      </li>
      <li>
        Create the connector. The command prints the URL to enter at the provider:
        <CopyableCommand label="command to create the connector" text={addCommand(organization)} />
      </li>
    </ol>
  );
}

function addCommand(organization: string): string {
  return `talkmeter connectors add --org ${shellQuote(organization)} --provider twilio --secret-env TOKEN`;
}
