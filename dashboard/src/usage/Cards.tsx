// The four cards of the range, as usage-and-metering.md names them.

import { type Summary } from "../api/shapes";
import { duration } from "../format";
import { formats } from "../formats";
import { Figure } from "./Figure";

export function Cards({ summary }: { summary: Summary }) {
  const { count, minutes } = formats;
  return (
    <div className="cards">
      <Figure
        name="Voice Minutes"
        figure={minutes(summary.voice_minutes)}
        subtexts={[`${count(summary.voice_calls)} voice ${summary.voice_calls === 1 ? "call" : "calls"}`]}
      />
      <Figure
        name="Chat Minutes"
        figure={minutes(summary.chat_minutes)}
        subtexts={[`${count(summary.chat_calls)} ${summary.chat_calls === 1 ? "session" : "sessions"}`]}
      />
      <Figure
        name="Total Calls"
        figure={count(summary.total_calls)}
        subtexts={[
          `${count(summary.inbound_calls)} in`,
          `${count(summary.outbound_calls)} out`,
          `average ${duration(summary.avg_call_duration_sec)}`,
        ]}
      />
      <Figure
        name="Workflow Runs"
        figure={count(summary.workflow_runs_total)}
        subtexts={[
          `${count(summary.workflow_runs_success)} succeeded`,
          `${count(summary.workflow_runs_failed)} failed`,
        ]}
      />
    </div>
  );
}
