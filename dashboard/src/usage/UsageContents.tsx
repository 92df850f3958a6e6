// The content of the Usage page: cards, charts, breakdown and inventory; or the first-event or empty-range message.

import { Paper, Skeleton } from "@mantine/core";
import { type Summary } from "../api/shapes";
import { BreakdownSection } from "../breakdown/load";
import { Charts } from "../charts/Charts";
import { Costs } from "../costs/load";
import { type Day } from "../range/days";
import { type Range, type RangeChoice } from "../range/range";
import { lazyPart } from "../shell/lazyPart";
import { Loaded } from "../shell/Loaded";
import { EmptyRange } from "./EmptyRange";
import { isEmpty } from "./figures";
import { Inventory } from "./Inventory";
import { type Fetched } from "./StatusLine";
import { SummaryCards } from "./SummaryCards";

const FirstEvent = lazyPart(() => import("./FirstEvent"));

interface Props {
  readonly organization: string;
  readonly fetched: Fetched;
  readonly summary: Summary;
  readonly range: Range;
  readonly today: Day;
  readonly choose: (choice: RangeChoice) => void;
}

export function UsageContents({ organization, fetched, summary, range, today, choose }: Props) {
  const { figures, fetchedAt } = fetched;
  if (fetched.lastEventAt === null) {
    return (
      <Loaded what="this screen">
        <FirstEvent organization={organization} />
      </Loaded>
    );
  }
  return (
    <>
      <SummaryCards figures={figures} now={fetchedAt} />
      {figures.filter !== null && <LeftOut by={figures.filter.by} />}
      {isEmpty(figures) ? (
        <EmptyRange range={range} today={today} choose={choose} filtered={figures.filter !== null} />
      ) : (
        <>
          <Charts figures={figures} range={range} now={fetchedAt} choose={choose} />
          <Loaded
            what="the breakdown"
            loading={
              <Paper withBorder className="breakdown-loading">
                <Skeleton height="100%" />
              </Paper>
            }
          >
            <BreakdownSection organization={organization} range={range} />
          </Loaded>
        </>
      )}
      {figures.filter === null && (
        <>
          <Costs organization={organization} range={range} today={today} />
          <Inventory summary={summary} />
        </>
      )}
    </>
  );
}

/** What a filter leaves out, and why. */
function LeftOut({ by }: { by: string }) {
  return (
    <p className="left-out">
      {by === "workflow"
        ? "Calls and the inventory are left out, because they do not belong to a workflow."
        : `Workflow runs and the inventory are left out, because they do not belong to ${ARTICLES[by] ?? "it"}.`}
    </p>
  );
}

const ARTICLES: Readonly<Record<string, string>> = {
  agent: "an agent",
  number: "a number",
  widget: "a widget",
  channel: "a channel",
};
