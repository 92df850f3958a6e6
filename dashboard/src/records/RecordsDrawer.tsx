// The drawer: the list behind a figure, or the history of one of its records.

import { Button, CloseButton, Drawer } from "@mantine/core";
import "@mantine/core/styles/Drawer.css";
import "@mantine/core/styles/ModalBase.css";
import "@mantine/core/styles/Overlay.css";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { FEW_ROWS, breakdownQuery } from "../breakdown/query";
import { formats } from "../formats";
import { type Listing, type RecordKey } from "../location/listing";
import { type Dimension } from "../location/options";
import { restoreFocus } from "../location/PageLink";
import { backToList, closeDrawer, usePageLocation } from "../location/router";
import { type Day } from "../range/days";
import { type Range } from "../range/range";
import { BackIcon } from "../shell/icons";
import { HistoryView } from "./HistoryView";
import { RecordList } from "./RecordList";
import "./records.css";
import { historyTitle, listTitle } from "./labels";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
  readonly listing: Listing | null;
  readonly record: RecordKey | null;
}

export default function RecordsDrawer({ organization, range, today, listing, record }: Props) {
  const name = useFilterName(organization, range, listing);
  useEffect(() => restoreFocus, []);
  const title =
    record !== null
      ? historyTitle(record)
      : listing === null
        ? ""
        : listTitle(listing, name, range, today, formats);
  return (
    <Drawer.Root
      opened
      onClose={closeDrawer}
      position="right"
      size="74rem"
      transitionProps={{ duration: 0 }}
      returnFocus={false}
      classNames={{ content: "records" }}
    >
      <Drawer.Overlay />
      <Drawer.Content>
        <div className="records-head">
          {record !== null && listing !== null && <BackToList />}
          <Drawer.Title className="records-title" component="h2">
            {title}
          </Drawer.Title>
          <CloseButton aria-label="Close" onClick={closeDrawer} />
        </div>
        <Drawer.Body className="records-body">
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
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
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

/** Return the name of the agent, number or widget that the list is filtered by, if the breakdown has it. */
function useFilterName(organization: string, range: Range, listing: Listing | null): string | null {
  const { order } = usePageLocation();
  const by = (["agent", "number", "widget"] as const).find((name) => Boolean(listing?.filter[name]));
  const value = by === undefined ? undefined : listing?.filter[by];
  const { data } = useQuery({
    ...breakdownQuery(organization, range, by ?? ("agent" satisfies Dimension), order, FEW_ROWS),
    enabled: by !== undefined,
  });
  return data?.rows.find((row) => row.value === value)?.name ?? null;
}
