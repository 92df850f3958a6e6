// The cost of the range by agent, number, widget, workflow, channel or direction, and what is not split, with the reason.

import { Button, NativeSelect, Paper, Skeleton, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Costs } from "../api/costs";
import { formats } from "../formats";
import { type Listing, conversations, runs } from "../location/listing";
import { type CostSplit, SPLIT_LABELS, isKeyOf } from "../location/options";
import { PageLink } from "../location/PageLink";
import { navigate, usePageLocation } from "../location/router";
import { type Range } from "../range/range";
import { ErrorAlert } from "../shell/ErrorAlert";
import { type Money, moneyOf } from "./money";
import { FEW_ROWS, MANY_ROWS, splitQuery } from "./query";
import { reasonText, splitLabel, splitNouns } from "./words";

interface Props {
  readonly organization: string;
  readonly range: Range;
}

export function Split({ organization, range }: Props) {
  const { split: by } = usePageLocation();
  return (
    <Paper withBorder component="section" className="cost-block cost-split" aria-labelledby="cost-split">
      <div className="cost-block-head">
        <Title order={3} id="cost-split" className="cost-block-name">
          Cost by {splitNouns(by)[0]}
        </Title>
        <label className="labelled">
          <span>Split by</span>
          <NativeSelect
            size="xs"
            value={by}
            data={Object.entries(SPLIT_LABELS).map(([value, label]) => ({ value, label }))}
            onChange={({ currentTarget: { value } }) => {
              if (isKeyOf(SPLIT_LABELS, value)) navigate({ split: value }, "push");
            }}
          />
        </label>
      </div>
      <SplitRows key={by} organization={organization} range={range} by={by} />
    </Paper>
  );
}

function SplitRows({ organization, range, by }: Props & { by: CostSplit }) {
  const [limit, setLimit] = useState(FEW_ROWS);
  const query = useQuery(splitQuery(organization, range, by, limit));
  const { currency, total, rows, others, unallocated } = query.data ?? {};
  if (currency == null || total == null || rows == null || others == null || unallocated == null) {
    return query.isError ? (
      <ErrorAlert
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title="Could not split the costs"
      />
    ) : (
      <div className="cost-split-loading" role="status" aria-label="Loading the split">
        <Skeleton height="100%" />
      </div>
    );
  }
  const money = moneyOf(currency, total);
  const [singular, plural] = splitNouns(by);
  const widest = Math.max(...rows.map(({ amount }) => Number(amount)), 0);
  return (
    <div className={query.isPlaceholderData ? "outdated" : undefined} aria-busy={query.isFetching}>
      {rows.length === 0 && <p className="cost-nothing">No cost of this range can be split by {singular}.</p>}
      <ul className="cost-rows">
        {rows.map(({ value, name, amount }) => (
          <li key={value ?? ""} className="cost-row">
            <PageLink className="figure-link cost-row-name" change={{ records: recordsOf(by, value) }}>
              {splitLabel(by, value, name)}
            </PageLink>
            <AmountBar part={widest > 0 ? Number(amount) / widest : 0} />
            <span className="cost-row-amount">{money.amount(amount)}</span>
          </li>
        ))}
        {others.values > 0 && (
          <li className="cost-row muted">
            <span className="cost-row-name">
              {formats.count(others.values)} other {others.values === 1 ? singular : plural}
            </span>
            <span className="cost-row-amount">{money.amount(others.amount)}</span>
          </li>
        )}
      </ul>
      {others.values > 0 && limit < MANY_ROWS && (
        <Button
          variant="default"
          size="xs"
          loading={query.isFetching}
          onClick={() => {
            setLimit(MANY_ROWS);
          }}
        >
          Show more
        </Button>
      )}
      <NotSplit unallocated={unallocated} by={by} money={money} />
    </div>
  );
}

interface NotSplitProps {
  readonly unallocated: NonNullable<Costs["unallocated"]>;
  readonly by: CostSplit;
  readonly money: Money;
}

function NotSplit({ unallocated, by, money }: NotSplitProps) {
  if (unallocated.length === 0) return null;
  return (
    <>
      <h4 className="cost-not-split">Not split</h4>
      <ul className="cost-rows">
        {unallocated.map((line) => (
          <li key={`${line.id} ${line.reason}`} className="cost-row">
            <span className="cost-row-name">
              {line.name}
              <span className="charge-note">{reasonText(line, by)}</span>
            </span>
            <span className="cost-row-amount">{money.amount(line.amount)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Decorative. An SVG, because forced colors remove backgrounds. */
function AmountBar({ part }: { part: number }) {
  return (
    <svg className="cost-row-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect width={100 * Math.max(0, part)} height="8" />
    </svg>
  );
}

function recordsOf(by: CostSplit, value: string | null): Listing {
  const filter = value ?? "";
  return by === "workflow" ? runs({ workflow: filter }) : conversations({ [by]: filter });
}
