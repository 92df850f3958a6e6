// An organization without connectors: what they are for, and how to make the first.

import { Paper, Title } from "@mantine/core";
import { Command, quoted } from "../shell/Command";

export function NoConnector({ organization }: { organization: string }) {
  return (
    <Paper withBorder className="empty brand-new">
      <Title order={2} size="h4">
        No connector yet
      </Title>
      <p>
        A connector takes the messages that Twilio, Vapi, Retell, ElevenLabs, LiveKit, Telnyx, Plivo, n8n or a
        program of yours sends when a call, chat or run has ended, and meters them.
      </p>
      <ol>
        <li>
          Where Talkmeter is installed, put the secret that the stack signs with into a variable:
          <Command what="the secret’s command" text="read -rs TOKEN && export TOKEN" />
        </li>
        <li>
          Make the connector. It prints the address to give to the stack:
          <Command what="the connector’s command" text={addCommand(organization)} />
        </li>
      </ol>
    </Paper>
  );
}

function addCommand(organization: string): string {
  return `talkmeter connectors add --org ${quoted(organization)} --provider twilio --secret-env TOKEN`;
}
