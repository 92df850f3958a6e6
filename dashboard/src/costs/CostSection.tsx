// The Cost section: total, forecast, included quantities, chart, charges and split; nothing if the range has no plan.

import { Paper, Title } from "@mantine/core";
import { useIsFetching, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { type Costs } from "../api/costs";
import { hasStatus } from "../api/errors";
import { formats } from "../formats";
import { currentLocation } from "../location/router";
import { queryClient, sessionQuery } from "../queries";
import { addDays, utcDay } from "../range/days";
import { resolveRange } from "../range/range";
import { CopyableCommand, shellQuote } from "../shell/CopyableCommand";
import { ErrorAlert } from "../shell/ErrorAlert";
import { expectedHeight, observeHeight, rememberHeight } from "../shell/heights";
import { Notice } from "../shell/Notice";
import { Allowances } from "./Allowances";
import { CostChart } from "./CostChart";
import "./costs.css";
import { ForecastLine } from "./ForecastLine";
import { type CostsProps, CostsLoading, costsPart } from "./load";
import { Months } from "./Months";
import { moneyOf } from "./money";
import { costsQuery, preparingSec } from "./query";
import { Split } from "./Split";
import { planName } from "./words";

/** Fetch the costs that the section shows first. */
export function prefetchCosts(organization: string): void {
  const { choice } = currentLocation();
  const range = resolveRange(choice, utcDay(Date.now()));
  queryClient.query({ ...costsQuery(organization, range), staleTime: 0 }).catch(() => undefined);
}

export default function CostSection(props: CostsProps) {
  const { organization, range } = props;
  const query = useQuery(costsQuery(organization, range));
  const session = useQuery(sessionQuery).data;
  const isOperator = session?.signedIn === true && session.session.operator;
  const costs = query.data;
  if (costs === undefined) {
    if (query.isPending) return <CostsLoading organization={organization} />;
    return (
      <section className="costs" aria-labelledby="costs">
        <Head />
        <Failure error={query.error} retry={() => void query.refetch()} busy={query.isFetching} />
      </section>
    );
  }
  const { currency, total } = costs;
  if (currency === null || total === null) {
    return isOperator ? <PlanHint organization={organization} /> : <NoPlan organization={organization} />;
  }
  return (
    <PlanSection organization={organization} outdated={query.isPlaceholderData}>
      <Head plan={planOf(costs)} />
      {query.isError && (
        <p className="cost-refresh-failed" role="status">
          Could not refresh the costs. {query.error.message}
        </p>
      )}
      <Contents {...props} costs={costs} currency={currency} total={total} />
    </PlanSection>
  );
}

function NoPlan({ organization }: { organization: string }) {
  useEffect(() => {
    rememberHeight(costsPart(organization), null);
  }, [organization]);
  return null;
}

/** What an operator can do about an organization without a plan. */
function PlanHint({ organization }: { organization: string }) {
  return (
    <PlanSection organization={organization} outdated={false}>
      <Head />
      <p>
        No plan applies to this range, so no cost is shown. Only operators see this. To give the organization
        a plan:
      </p>
      <CopyableCommand
        label="command to assign a plan"
        text={`talkmeter plans assign ${shellQuote(organization)} PLAN_ID`}
      />
    </PlanSection>
  );
}

interface PlanSectionProps {
  readonly organization: string;
  readonly outdated: boolean;
  readonly children: ReactNode;
}

/** The section does not shrink while a part of it is loading, to avoid layout shift. */
function PlanSection({ organization, outdated, children }: PlanSectionProps) {
  const section = useRef<HTMLElement>(null);
  const [height] = useState(() => expectedHeight(costsPart(organization)));
  const loading = useIsFetching({ queryKey: ["costs", organization] }) > 0;
  useEffect(
    () => (section.current === null ? undefined : observeHeight(costsPart(organization), section.current)),
    [organization],
  );
  return (
    <section
      ref={section}
      className={outdated ? "costs outdated" : "costs"}
      aria-labelledby="costs"
      aria-busy={loading}
      style={loading && height !== null ? { minHeight: height } : {}}
    >
      {children}
    </section>
  );
}

type ContentsProps = CostsProps & { costs: Costs; currency: string; total: string };

function Contents({ organization, range, today, costs, currency, total }: ContentsProps) {
  const money = moneyOf(currency, total);
  const last = addDays(costs.to, -1);
  const soFar = last >= today;
  return (
    <>
      <div className="costs-top">
        <div className="costs-side">
          <Paper withBorder className="cost-block" role="group" aria-labelledby="cost-total">
            <Title order={3} id="cost-total" className="cost-block-name">
              {soFar ? "Cost so far" : "Total cost"}
            </Title>
            <p className="cost-figure">{money.amount(total)}</p>
            <p className="cost-note">{formats.range({ from: costs.from, to: last }, today)}</p>
            {soFar && <ForecastLine organization={organization} />}
          </Paper>
          <Allowances months={costs.months} />
        </div>
        <CostChart costs={costs} total={total} today={today} money={money} />
      </div>
      <Months months={costs.months} today={today} money={money} />
      <Split organization={organization} range={range} />
    </>
  );
}

/** Return the plan of the newest month that has one. */
function planOf({ months, currency }: Costs): string {
  const month = months.findLast(({ plan }) => plan !== null);
  return month === undefined ? "" : `${planName(month)}. Prices in ${currency ?? ""}, days in UTC.`;
}

function Head({ plan }: { plan?: string }) {
  return (
    <div className="section-head">
      <Title order={2} size="h4" id="costs">
        Cost
      </Title>
      {plan !== undefined && <p>{plan}</p>}
    </div>
  );
}

interface FailureProps {
  readonly error: Error;
  readonly retry: () => void;
  readonly busy: boolean;
}

function Failure({ error, retry, busy }: FailureProps) {
  if (preparingSec(error) !== null) {
    return (
      <Notice role="status" title="Costs are being prepared…">
        <p>{error.message} The rest of the page is up to date. This part updates by itself.</p>
      </Notice>
    );
  }
  if (hasStatus(error, 422)) {
    return (
      <Notice role="status" title="No cost for this range">
        <p>{error.message}</p>
      </Notice>
    );
  }
  return <ErrorAlert error={error} retry={retry} busy={busy} title="Could not load the costs" />;
}
