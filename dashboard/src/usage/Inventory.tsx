// The inventory: current totals, which do not depend on the range.

import { Title } from "@mantine/core";
import { type Summary } from "../api/shapes";
import { formats } from "../formats";
import { items } from "../location/listing";
import { Card } from "./Card";

export function Inventory({ summary }: { summary: Summary }) {
  const { count } = formats;
  const shared = summary.shared_phone_numbers;
  return (
    <section aria-labelledby="inventory">
      <div className="section-head">
        <Title order={2} className="section-name" id="inventory">
          Inventory
        </Title>
        <p>Current totals. They do not depend on the date range.</p>
      </div>
      <div className="cards inventory">
        <Card
          order={3}
          name="Active Agents"
          help="total_agents"
          figure={count(summary.total_agents)}
          records={items("agent")}
        />
        <Card
          order={3}
          name="Phone Numbers"
          help="total_phone_numbers"
          figure={count(summary.total_phone_numbers)}
          records={items("phone_number")}
          subtexts={
            shared > 0
              ? [
                  {
                    text: `${count(shared)} on the shared pool (billable)`,
                    records: items("phone_number", { shared: "true" }),
                  },
                ]
              : []
          }
        />
        <Card
          order={3}
          name="Chat Widgets Deployed"
          help="total_web_widgets"
          figure={count(summary.total_web_widgets)}
          records={items("web_widget")}
        />
        <Card
          order={3}
          name="Knowledge Bases"
          help="total_datasets"
          figure={count(summary.total_datasets)}
          records={items("dataset")}
          subtexts={[
            {
              text: `${count(summary.active_datasets)} active`,
              records: items("dataset", { active: "true" }),
            },
          ]}
        />
      </div>
    </section>
  );
}
