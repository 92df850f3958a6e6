// The four cards of the range, as defined in usage-and-metering.md, with their comparison.

import { type Summary } from "../api/shapes";
import { duration, formats } from "../formats";
import { conversations, runs } from "../location/listing";
import { type Day } from "../range/days";
import { Card } from "./Card";
import { changeText } from "./change";

export function SummaryCards({ summary, today }: { summary: Summary; today: Day }) {
  const { count, minutes } = formats;
  const { comparison } = summary;
  const change = (name: keyof Summary) => {
    const delta = comparison?.figures[name];
    return comparison === null || delta === undefined ? null : changeText(delta, comparison, today, formats);
  };
  return (
    <div className={comparison === null ? "cards" : "cards compared"}>
      <Card
        name="Voice Minutes"
        figure={minutes(summary.voice_minutes)}
        records={conversations({ modality: "voice" })}
        subtexts={[
          {
            text: `${count(summary.voice_calls)} voice ${summary.voice_calls === 1 ? "call" : "calls"}`,
            records: conversations({ modality: "voice" }),
          },
        ]}
        change={change("voice_minutes")}
      />
      <Card
        name="Chat Minutes"
        figure={minutes(summary.chat_minutes)}
        records={conversations({ modality: "chat" })}
        subtexts={[
          {
            text: `${count(summary.chat_calls)} ${summary.chat_calls === 1 ? "session" : "sessions"}`,
            records: conversations({ modality: "chat" }),
          },
        ]}
        change={change("chat_minutes")}
      />
      <Card
        name="Total Calls"
        figure={count(summary.total_calls)}
        records={conversations()}
        subtexts={[
          { text: `${count(summary.inbound_calls)} in`, records: conversations({ direction: "inbound" }) },
          { text: `${count(summary.outbound_calls)} out`, records: conversations({ direction: "outbound" }) },
          {
            text: `average ${duration(summary.avg_call_duration_sec)}`,
            records: conversations({ has_duration: "true" }),
          },
        ]}
        change={change("total_calls")}
      />
      <Card
        name="Workflow Runs"
        figure={count(summary.workflow_runs_total)}
        records={runs()}
        subtexts={[
          { text: `${count(summary.workflow_runs_success)} succeeded`, records: runs({ status: "success" }) },
          { text: `${count(summary.workflow_runs_failed)} failed`, records: runs({ status: "failed" }) },
        ]}
        change={change("workflow_runs_total")}
      />
    </div>
  );
}
