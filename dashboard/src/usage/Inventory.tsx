// The inventory: current totals, which ignore the range, and say so.

import { Title } from "@mantine/core";
import { type Summary } from "../api/shapes";
import { formats } from "../formats";
import { Figure } from "./Figure";

export function Inventory({ summary }: { summary: Summary }) {
  const { count } = formats;
  const shared = summary.shared_phone_numbers;
  return (
    <section aria-labelledby="inventory">
      <div className="section-head">
        <Title order={2} size="h4" id="inventory">
          Inventory
        </Title>
        <p>Current totals. They do not depend on the date range.</p>
      </div>
      <div className="cards inventory">
        <Figure order={3} name="Active Agents" figure={count(summary.total_agents)} />
        <Figure
          order={3}
          name="Phone Numbers"
          figure={count(summary.total_phone_numbers)}
          subtexts={shared > 0 ? [`${count(shared)} on the shared pool (billable)`] : []}
        />
        <Figure order={3} name="Chat Widgets Deployed" figure={count(summary.total_web_widgets)} />
        <Figure
          order={3}
          name="Knowledge Bases"
          figure={count(summary.total_datasets)}
          subtexts={[`${count(summary.active_datasets)} active`]}
        />
      </div>
    </section>
  );
}
