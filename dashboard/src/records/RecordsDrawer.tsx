// The contents of the drawer: the list behind a figure, or the history of one of its records.

import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { FEW_ROWS, breakdownQuery } from "../breakdown/query";
import { formats } from "../formats";
import { type Listing, type RecordKey } from "../location/listing";
import { availableComparison } from "../location/options";
import { backToList, usePageLocation } from "../location/router";
import { type Day } from "../range/days";
import { type Range } from "../range/range";
import { BackIcon } from "../shell/icons";
import { TITLE_ID } from "./Drawer";
import { HistoryView } from "./HistoryView";
import { RecordList } from "./RecordList";
import "./records.css";
import { historyTitle, listTitle } from "./labels";

export interface RecordsProps {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
  readonly listing: Listing | null;
  readonly record: RecordKey | null;
}

export default function RecordsDrawer({ organization, range, today, listing, record }: RecordsProps) {
  const name = useFilterName(organization, range, listing);
  const title =
    record !== null
      ? historyTitle(record)
      : listing === null
        ? ""
        : listTitle(listing, name, range, today, formats);
  return (
    <>
      <div className="records-head">
        {record !== null && listing !== null && <BackToList />}
        <h2 id={TITLE_ID} className="drawer-title">
          {title}
        </h2>
      </div>
      {listing !== null && (
        <div className="records-view" hidden={record !== null}>
          <RecordList
            organization={organization}
            range={range}
            today={today}
            listing={listing}
            opened={record}
          />
        </div>
      )}
      {record !== null && (
        <div className="records-view">
          <HistoryView organization={organization} record={record} />
        </div>
      )}
    </>
  );
}

/** Takes the focus on mount, because the hidden list has lost it. */
function BackToList() {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <Button ref={button} variant="default" size="xs" leftSection={<BackIcon />} onClick={backToList}>
      Back
    </Button>
  );
}

/** Return the name of the agent, number, widget or workflow that the list is filtered by, if the breakdown has it. */
function useFilterName(organization: string, range: Range, listing: Listing | null): string | null {
  const { order, compare } = usePageLocation();
  const by = (["agent", "number", "widget"] as const).find((name) => Boolean(listing?.filter[name]));
  const value = by === undefined ? undefined : listing?.filter[by];
  const view = {
    by: by ?? "agent",
    order,
    compare: availableComparison(range, compare),
    filter: null,
  } as const;
  const { data } = useQuery({
    ...breakdownQuery(organization, range, view, FEW_ROWS),
    enabled: by !== undefined,
  });
  return data?.rows.find((row) => row.value === value)?.name ?? null;
}
