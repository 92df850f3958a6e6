// A card: name, figure, subtexts and comparison. Each figure links to the calls, runs or items behind it.

import { Paper, Title } from "@mantine/core";
import { useId } from "react";
import { type Listing, listLinkName } from "../location/listing";
import { PageLink } from "../location/PageLink";
import { type ChangeText } from "./change";

export interface Subtext {
  readonly text: string;
  /** The list that the text links to, if any. */
  readonly records?: Listing;
}

interface Props {
  readonly name: string;
  readonly figure: string;
  readonly records: Listing;
  readonly subtexts?: readonly Subtext[];
  readonly change?: ChangeText | null;
  readonly order?: 2 | 3;
}

export function Card({ name, figure, records, subtexts = [], change = null, order = 2 }: Props) {
  const id = useId();
  return (
    <Paper withBorder className="card" role="group" aria-labelledby={id}>
      <Title order={order} id={id} className="card-name">
        {name}
      </Title>
      <p className="card-figure">
        <FigureLink records={records} name={`${name}: ${figure}`} text={figure} />
      </p>
      <p className="card-subtext">
        {subtexts.map(({ text, records: own }) => (
          <span key={text}>
            {own === undefined ? text : <FigureLink records={own} name={`${name}: ${text}`} text={text} />}
          </span>
        ))}
      </p>
      {change !== null && (
        <p className="card-change">
          <strong>{change.change}</strong> <span>{change.days}</span>
        </p>
      )}
    </Paper>
  );
}

function FigureLink({ records, name, text }: { records: Listing; name: string; text: string }) {
  return (
    <PageLink className="figure-link" change={{ records }} aria-label={listLinkName(name, records)}>
      {text}
    </PageLink>
  );
}
