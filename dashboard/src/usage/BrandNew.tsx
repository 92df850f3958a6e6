// An organization that was never heard of: how to send its first event. The page asks again by itself.

import { Paper, Title } from "@mantine/core";
import { Command, quoted } from "../shell/Command";

export default function BrandNew({ organization }: { organization: string }) {
  return (
    <Paper withBorder className="empty brand-new">
      <Title order={2} size="h4">
        Waiting for the first event
      </Title>
      <p>Nothing has arrived for this organization yet. Figures appear here as soon as an event is stored.</p>
      <ol>
        <li>
          Make a key that may send events:
          <Command what="the key’s command" text={keyCommand(organization)} />
        </li>
        <li>
          Send a call of 90 seconds that ended just now:
          <Command what="the event’s command" text={eventCommand(window.location.origin)} />
        </li>
      </ol>
    </Paper>
  );
}

function keyCommand(organization: string): string {
  return `export TALKMETER_KEY=$(talkmeter keys add --org ${quoted(organization)} --scope events:write)`;
}

function eventCommand(origin: string): string {
  return `now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
curl ${quoted(`${origin}/metering/events`)} \\
  -H "Authorization: Bearer $TALKMETER_KEY" -H 'Content-Type: application/json' -d '{
  "specversion": "1.0", "id": "first-call:completed", "source": "/hello",
  "type": "conversation.updated", "time": "'$now'",
  "data": {"id": "first-call", "channel": "telephone", "direction": "inbound",
    "status": "completed", "created_at": "'$now'", "duration": 90}}'`;
}
