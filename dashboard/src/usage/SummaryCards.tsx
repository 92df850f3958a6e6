// The four cards of the range, as defined in usage-and-metering.md, with their comparison. A filter leaves out the cards of
// what it does not select.

import { type Summary } from "../api/shapes";
import { CHARTS } from "../charts/series";
import { duration, formats } from "../formats";
import { type Filter, type Listing, conversations, runs } from "../location/listing";
import { usePageLocation } from "../location/router";
import { Card, type Subtext } from "./Card";
import { CardSparkline } from "./CardSparkline";
import { type ChangeText, changeText } from "./change";
import { type Figures } from "./figures";

interface Props {
  readonly figures: Figures;
  /** Milliseconds since 1970; the interval that contains it is not over. */
  readonly now: number;
}

export function SummaryCards({ figures, now }: Props) {
  const { totals } = figures;
  const { count, minutes, minutesParts } = formats;
  const { filter } = usePageLocation();
  const own: Filter = filter === null ? {} : { [filter.by]: filter.value };
  const calls = (more: Filter = {}): Listing => conversations({ ...own, ...more });
  const flows = (more: Filter = {}): Listing => runs({ ...own, ...more });
  const change = (name: keyof Summary, format: (value: number) => string): ChangeText | null => {
    const delta = figures.comparison?.figures[name];
    return delta === undefined ? null : changeText(delta, format, formats);
  };
  const sparkline = (index: number) => <Sparkline figures={figures} now={now} index={index} />;
  const { voice_minutes, chat_minutes, total_calls, workflow_runs_total } = totals;
  return (
    <div className={figures.comparison === null ? "cards" : "cards compared"}>
      {voice_minutes !== undefined && (
        <Card
          name="Voice Minutes"
          help="voice_minutes"
          figure={minutesParts(voice_minutes).whole}
          decimals={minutesParts(voice_minutes).decimals}
          records={calls({ modality: "voice" })}
          subtexts={[
            {
              text: plural(totals.voice_calls ?? 0, "voice call", "voice calls"),
              records: calls({ modality: "voice" }),
            },
          ]}
          change={change("voice_minutes", minutes)}
          sparkline={sparkline(0)}
        />
      )}
      {chat_minutes !== undefined && (
        <Card
          name="Chat Minutes"
          help="chat_minutes"
          figure={minutesParts(chat_minutes).whole}
          decimals={minutesParts(chat_minutes).decimals}
          records={calls({ modality: "chat" })}
          subtexts={[
            {
              text: plural(totals.chat_calls ?? 0, "session", "sessions"),
              records: calls({ modality: "chat" }),
            },
          ]}
          change={change("chat_minutes", minutes)}
          sparkline={sparkline(1)}
        />
      )}
      {total_calls !== undefined && (
        <Card
          name="Total Calls"
          help="total_calls"
          figure={count(total_calls)}
          records={calls()}
          subtexts={[
            { text: `${count(totals.inbound_calls ?? 0)} in`, records: calls({ direction: "inbound" }) },
            { text: `${count(totals.outbound_calls ?? 0)} out`, records: calls({ direction: "outbound" }) },
            {
              text: `average ${duration(totals.avg_call_duration_sec ?? 0)}`,
              records: calls({ has_duration: "true" }),
            },
          ]}
          live={liveCalls(totals, calls)}
          change={change("total_calls", count)}
          sparkline={sparkline(2)}
        />
      )}
      {workflow_runs_total !== undefined && (
        <Card
          name="Workflow Runs"
          help="workflow_runs_total"
          figure={count(workflow_runs_total)}
          records={flows()}
          subtexts={[
            {
              text: `${count(totals.workflow_runs_success ?? 0)} succeeded`,
              records: flows({ status: "success" }),
            },
            {
              text: `${count(totals.workflow_runs_failed ?? 0)} failed`,
              records: flows({ status: "failed" }),
            },
          ]}
          live={
            totals.live_runs === undefined || totals.live_runs === 0
              ? []
              : [{ text: `${count(totals.live_runs)} in progress`, records: flows({ live: "true" }) }]
          }
          change={change("workflow_runs_total", count)}
          sparkline={sparkline(3)}
        />
      )}
    </div>
  );
}

/** The small chart leaves out intervals that are cut or not over, because they would look like a fall. */
function Sparkline({ figures, now, index }: Props & { index: number }) {
  const chart = CHARTS[index];
  if (chart === undefined) return null;
  const complete = figures.points.filter(({ whole, to }) => whole && Date.parse(to) <= now);
  if (complete.length < 2) return null;
  const values = complete.map((point) => (point.state === "no_data" ? null : (point[chart.field] ?? null)));
  if (values.every((value) => value === null || value === 0)) return null;
  return <CardSparkline values={values} color={chart.color} />;
}

/** `12 in progress`, `3 silent for over 24 h`. */
function liveCalls(
  { live_calls: live = 0, stale_calls: silent = 0, stale_hours: hours = 0 }: Figures["totals"],
  calls: (filter: Filter) => Listing,
): readonly Subtext[] {
  if (live === 0) return [];
  const texts: Subtext[] = [{ text: `${formats.count(live)} in progress`, records: calls({ live: "true" }) }];
  if (silent > 0) {
    const subject = silent < live ? `${formats.count(silent)} ` : live === 1 ? "" : "all ";
    texts.push({
      text: `${subject}silent for over ${formats.count(hours)} h`,
      records: calls({ stale: "true" }),
    });
  }
  return texts;
}

function plural(number: number, one: string, many: string): string {
  return `${formats.count(number)} ${number === 1 ? one : many}`;
}
