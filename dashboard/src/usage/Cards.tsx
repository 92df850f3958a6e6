// The four cards of the range, as usage-and-metering.md names them, and how they compare.

import { type Summary } from "../api/shapes";
import { duration } from "../format";
import { formats } from "../formats";
import { type Day } from "../range/days";
import { conversations, runs } from "../range/listing";
import { deltaWords } from "./delta";
import { Figure } from "./Figure";

export function Cards({ summary, today }: { summary: Summary; today: Day }) {
  const { count, minutes } = formats;
  const { comparison } = summary;
  const delta = (name: keyof Summary, noun: string) => {
    const found = comparison?.figures[name];
    return comparison === null || found === undefined
      ? null
      : deltaWords(found, noun, comparison, today, formats);
  };
  return (
    <div className={comparison === null ? "cards" : "cards compared"}>
      <Figure
        name="Voice Minutes"
        figure={minutes(summary.voice_minutes)}
        records={conversations({ modality: "voice" })}
        subtexts={[
          {
            text: `${count(summary.voice_calls)} voice ${summary.voice_calls === 1 ? "call" : "calls"}`,
            records: conversations({ modality: "voice" }),
          },
        ]}
        delta={delta("voice_minutes", "voice minutes")}
      />
      <Figure
        name="Chat Minutes"
        figure={minutes(summary.chat_minutes)}
        records={conversations({ modality: "chat" })}
        subtexts={[
          {
            text: `${count(summary.chat_calls)} ${summary.chat_calls === 1 ? "session" : "sessions"}`,
            records: conversations({ modality: "chat" }),
          },
        ]}
        delta={delta("chat_minutes", "chat minutes")}
      />
      <Figure
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
        delta={delta("total_calls", "calls")}
      />
      <Figure
        name="Workflow Runs"
        figure={count(summary.workflow_runs_total)}
        records={runs()}
        subtexts={[
          { text: `${count(summary.workflow_runs_success)} succeeded`, records: runs({ status: "success" }) },
          { text: `${count(summary.workflow_runs_failed)} failed`, records: runs({ status: "failed" }) },
        ]}
        delta={delta("workflow_runs_total", "workflow runs")}
      />
    </div>
  );
}
