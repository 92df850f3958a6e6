// An organization without events: how to send the first one. The page polls until it arrives.

import { Paper, Title } from "@mantine/core";
import { CopyableCommand, shellQuote } from "../shell/CopyableCommand";

export default function FirstEvent({ organization }: { organization: string }) {
  return (
    <Paper withBorder className="empty brand-new">
      <Title order={2} className="section-name">
        Waiting for the first event
      </Title>
      <p>Figures appear here as soon as the first event is stored.</p>
      <ol>
        <li>
          Create a key that can send events:
          <CopyableCommand label="command to create a key" text={keyCommand(organization)} />
        </li>
        <li>
          Send a test call of 90 seconds:
          <CopyableCommand label="command to send an event" text={eventCommand(window.location.origin)} />
        </li>
      </ol>
    </Paper>
  );
}

function keyCommand(organization: string): string {
  return `export TALKMETER_KEY=$(talkmeter keys add --org ${shellQuote(organization)} --scope events:write)`;
}

function eventCommand(origin: string): string {
  return `now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
curl ${shellQuote(`${origin}/metering/events`)} \\
  -H "Authorization: Bearer $TALKMETER_KEY" -H 'Content-Type: application/json' -d '{
  "specversion": "1.0", "id": "first-call:completed", "source": "/hello",
  "type": "conversation.updated", "time": "'$now'",
  "data": {"id": "first-call", "channel": "telephone", "direction": "inbound",
    "status": "completed", "created_at": "'$now'", "duration": 90}}'`;
}
