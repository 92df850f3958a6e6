// A card: name, help, figure, comparison, sparkline, subtexts, and a link to the calls, runs or items behind it.

import { Paper, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";
import { type Listing, listLinkName } from "../location/listing";
import { PageLink } from "../location/PageLink";
import { CopyButton } from "../shell/CopyButton";
import { NextIcon } from "../shell/icons";
import { type ChangeText } from "./change";
import { Help } from "./Help";
import { type HelpName } from "./helpTexts";

export interface Subtext {
  readonly text: string;
  /** The list that the text links to, if any. */
  readonly records?: Listing;
}

interface Props {
  readonly name: string;
  readonly help: HelpName;
  readonly figure: string;
  /** Shown lighter after the figure, such as decimals. */
  readonly decimals?: string;
  readonly records: Listing;
  readonly subtexts?: readonly Subtext[];
  readonly change?: ChangeText | null;
  readonly live?: readonly Subtext[];
  readonly sparkline?: ReactNode;
  readonly order?: 2 | 3;
}

export function Card(props: Props) {
  const {
    name,
    help,
    figure,
    decimals = "",
    records,
    subtexts = [],
    change = null,
    live = [],
    order = 2,
  } = props;
  const id = useId();
  const text = figure + decimals;
  return (
    <Paper withBorder className="card" role="group" aria-labelledby={id}>
      <div className="card-head">
        <Title order={order} id={id} className="card-name">
          {name}
        </Title>
        <Help figure={help} name={name} />
        <CopyButton className="card-copy" label={`Copy ${name}`} text={() => text} />
      </div>
      <p className="card-figure">
        {figure}
        {decimals !== "" && <span className="card-decimals">{decimals}</span>}
      </p>
      {props.sparkline}
      {change !== null && <Change {...change} />}
      <Subtexts className="card-subtext" card={name} items={subtexts} />
      {live.length > 0 && <Subtexts className="card-subtext card-live" card={name} items={live} />}
      <PageLink
        className="card-open"
        change={{ records }}
        aria-label={listLinkName(`${name}: ${text}`, records)}
      >
        <span className="card-open-word">Show</span>
        <NextIcon />
      </PageLink>
    </Paper>
  );
}

const ARROWS = { up: "\u25b2", down: "\u25bc", same: "" } as const;

function Change({ percent, direction, earlier }: ChangeText) {
  return (
    <p className="card-change">
      {percent !== null && (
        <span className="pill">
          {direction !== "same" && <span aria-hidden="true">{ARROWS[direction]} </span>}
          {percent}
        </span>
      )}
      <span>{earlier}</span>
    </p>
  );
}

function Subtexts({
  className,
  card,
  items,
}: {
  className: string;
  card: string;
  items: readonly Subtext[];
}) {
  return (
    <p className={className}>
      {items.map(({ text, records }) => (
        <span key={text}>
          {records === undefined ? (
            text
          ) : (
            <PageLink
              className="figure-link"
              change={{ records }}
              aria-label={listLinkName(`${card}: ${text}`, records)}
            >
              {text}
            </PageLink>
          )}
        </span>
      ))}
    </p>
  );
}
