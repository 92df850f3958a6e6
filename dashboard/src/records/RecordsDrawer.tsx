// The drawer over the page: the records behind a figure with what they add up to, or the history of one of them.

import { Button, CloseButton, Drawer } from "@mantine/core";
import "@mantine/core/styles/Drawer.css";
import "@mantine/core/styles/ModalBase.css";
import "@mantine/core/styles/Overlay.css";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { FEW_ROWS, breakdownQuery } from "../drives/ask";
import { formats } from "../formats";
import { focusOpener } from "../range/PlaceLink";
import { type Day } from "../range/days";
import { type Listing, type RecordKey } from "../range/listing";
import { type By } from "../range/options";
import { type Range } from "../range/range";
import { backToList, close, usePlace } from "../range/visit";
import { Back } from "../shell/icons";
import { HistoryView } from "./HistoryView";
import { List } from "./List";
import "./records.css";
import { KINDS, titleOf } from "./words";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
  readonly listing: Listing | null;
  readonly record: RecordKey | null;
}

export default function RecordsDrawer({ organization, range, today, listing, record }: Props) {
  const name = useNameOf(organization, range, listing);
  useEffect(() => focusOpener, []);
  const title =
    record !== null
      ? `History of ${KINDS[record.kind][0]} ${record.id}`
      : listing === null
        ? ""
        : titleOf(listing, name, range, today, formats);
  return (
    <Drawer.Root
      opened
      onClose={close}
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
          <CloseButton aria-label="Close" onClick={close} />
        </div>
        <Drawer.Body className="records-body">
          {listing !== null && (
            <div className="records-view" hidden={record !== null}>
              <List
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

/** Takes the focus, which the list's row has lost by being hidden. */
function BackToList() {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <Button ref={button} variant="default" size="xs" leftSection={<Back />} onClick={backToList}>
      Back
    </Button>
  );
}

/** What the inventory calls the value that a list is narrowed by, as far as "What drives it" shows it. */
function useNameOf(organization: string, range: Range, listing: Listing | null): string | null {
  const { order } = usePlace();
  const by = (["agent", "number", "widget"] as const).find((one) => Boolean(listing?.filter[one]));
  const value = by === undefined ? undefined : listing?.filter[by];
  const { data } = useQuery({
    ...breakdownQuery(organization, range, by ?? ("agent" satisfies By), order, FEW_ROWS),
    enabled: by !== undefined,
  });
  return data?.rows.find((row) => row.value === value)?.name ?? null;
}
