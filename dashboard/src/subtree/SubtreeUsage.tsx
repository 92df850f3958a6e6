// The usage of an organization together with its sub-organizations: the sums, and a row for each organization.

import { Paper, Skeleton, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type Summary } from "../api/shapes";
import { formats } from "../formats";
import { type ComparisonMode } from "../location/options";
import { type Range } from "../range/range";
import { ErrorAlert } from "../shell/ErrorAlert";
import { changeText } from "../usage/change";
import { OrganizationTable } from "./OrganizationTable";
import { subtreeQuery } from "./query";

interface Props {
  readonly organization: string;
  readonly members: number;
  readonly range: Range;
  readonly compare: ComparisonMode;
}

export function SubtreeUsage({ organization, members, range, compare }: Props) {
  const { data, error, refetch, isFetching, isPlaceholderData } = useQuery(
    subtreeQuery(organization, range, compare),
  );
  if (error !== null) {
    return (
      <ErrorAlert
        error={error}
        retry={() => void refetch()}
        busy={isFetching}
        title="Could not load the usage with sub-organizations"
      />
    );
  }
  if (data === undefined) return <Skeleton height="20rem" />;
  return (
    <div className={isPlaceholderData ? "outdated" : ""} aria-busy={isFetching}>
      <Title order={2} className="section-name">
        All {formats.count(members)} organizations
      </Title>
      <Sums summary={data.summary} />
      <OrganizationTable calls={data.calls} summary={data.summary} />
      <p className="subtree-note">
        These are the organizations below this one now, also for earlier days. What follows is the usage of
        this organization alone.
      </p>
    </div>
  );
}

function Sums({ summary }: { summary: Summary }) {
  const { count, minutes } = formats;
  const { voice_calls: voice, chat_calls: chat, inbound_calls: inbound, outbound_calls: outbound } = summary;
  const { workflow_runs_success: success, workflow_runs_failed: failed } = summary;
  return (
    <div className="cards">
      <Sum name="Voice Minutes" of="voice_minutes" format={minutes} summary={summary}>
        {count(voice)} voice calls
      </Sum>
      <Sum name="Chat Minutes" of="chat_minutes" format={minutes} summary={summary}>
        {count(chat)} sessions
      </Sum>
      <Sum name="Total Calls" of="total_calls" format={count} summary={summary}>
        {count(inbound)} in, {count(outbound)} out
      </Sum>
      <Sum name="Workflow Runs" of="workflow_runs_total" format={count} summary={summary}>
        {count(success)} succeeded, {count(failed)} failed
      </Sum>
    </div>
  );
}

interface SumProps {
  readonly name: string;
  readonly of: "voice_minutes" | "chat_minutes" | "total_calls" | "workflow_runs_total";
  readonly format: (value: number) => string;
  readonly summary: Summary;
  readonly children: React.ReactNode;
}

function Sum({ name, of, format, summary, children }: SumProps) {
  const delta = summary.comparison?.figures[of];
  const change = delta === undefined ? null : changeText(delta, format, formats);
  return (
    <Paper withBorder className="card" role="group" aria-label={`${name} of all organizations`}>
      <p className="card-name">{name}</p>
      <p className="card-figure">{format(summary[of])}</p>
      {change !== null && (
        <p className="card-change">
          {change.percent !== null && <span className="pill">{change.percent}</span>}
          <span>{change.earlier}</span>
        </p>
      )}
      <p className="card-subtext">{children}</p>
    </Paper>
  );
}
