// "What drives it": the range split by agent, number, widget, workflow or channel, the greatest first.

import { Button, NativeSelect, Skeleton, Tabs, Title } from "@mantine/core";
import "@mantine/core/styles/Tabs.css";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queryClient } from "../queries";
import { dayAt } from "../range/days";
import { type By, ORDERS, type Order, TABS, isOneOf } from "../range/options";
import { type Range, resolve } from "../range/range";
import { placeNow, usePlace, visit } from "../range/visit";
import { Failure } from "../shell/Failure";
import { FEW_ROWS, MANY_ROWS, breakdownQuery, orderOf } from "./ask";
import "./drives.css";
import { Rows } from "./Rows";

const NOTHING: Readonly<Record<By, string>> = {
  agent: "There was no conversation in this range.",
  number: "There was no conversation in this range.",
  widget: "There was no conversation in this range.",
  workflow: "There was no workflow run in this range.",
  channel: "There was no conversation in this range.",
};

interface Props {
  readonly organization: string;
  readonly range: Range;
}

/** Begins to ask what the section will show first. */
export function prefetch(organization: string): void {
  const { choice, by, order } = placeNow();
  const range = resolve(choice, dayAt(Date.now()));
  const query = breakdownQuery(organization, range, by, order, FEW_ROWS);
  queryClient.query({ ...query, staleTime: 0 }).catch(() => undefined);
}

export default function Drives({ organization, range }: Props) {
  const { by, order } = usePlace();
  return (
    <section className="drives" aria-labelledby="drives">
      <div className="drives-head">
        <Title order={2} size="h4" id="drives">
          What drives it
        </Title>
        {by !== "workflow" && <OrderControl order={order} />}
      </div>
      <Tabs
        value={by}
        keepMounted={false}
        onChange={(value) => {
          if (value !== null && isOneOf(TABS, value)) visit({ by: value }, "push");
        }}
      >
        <Tabs.List aria-labelledby="drives">
          {Object.entries(TABS).map(([value, label]) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={by}>
          <Split key={by} organization={organization} range={range} by={by} order={order} />
        </Tabs.Panel>
      </Tabs>
    </section>
  );
}

function OrderControl({ order }: { order: Order }) {
  return (
    <label className="labelled">
      <span>In order of</span>
      <NativeSelect
        size="xs"
        value={order}
        data={Object.entries(ORDERS).map(([value, label]) => ({ value, label }))}
        onChange={({ currentTarget: { value } }) => {
          if (isOneOf(ORDERS, value)) visit({ order: value }, "push");
        }}
      />
    </label>
  );
}

function Split({ organization, range, by, order }: Props & { by: By; order: Order }) {
  const [limit, setLimit] = useState(FEW_ROWS);
  const query = useQuery(breakdownQuery(organization, range, by, order, limit));
  const breakdown = query.data;
  if (breakdown === undefined) {
    return query.isError ? (
      <Failure
        error={query.error}
        retry={() => void query.refetch()}
        busy={query.isFetching}
        title="What drives the usage could not be fetched"
      />
    ) : (
      <div className="drives-skeleton" role="status" aria-label="Loading what drives the usage">
        <Skeleton height="100%" />
      </div>
    );
  }
  const { rows, others } = breakdown;
  if (rows.length === 0) return <p className="drives-nothing">{NOTHING[by]}</p>;
  return (
    <div
      className={query.isPlaceholderData ? "drives-body late" : "drives-body"}
      aria-busy={query.isFetching}
    >
      {query.isError && (
        <p className="drives-error" role="status">
          These rows could not be refreshed. {query.error.message}
        </p>
      )}
      <Rows by={by} order={orderOf(by, order)} breakdown={breakdown} />
      <div className="drives-foot">
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
        {others.values > 0 && <span>All values are in the export.</span>}
      </div>
    </div>
  );
}
