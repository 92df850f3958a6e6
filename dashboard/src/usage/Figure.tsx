// One card: a name, a figure, what belongs to it, how it compares. Each figure leads to the records that make it.

import { Paper, Title } from "@mantine/core";
import { useId } from "react";
import { PlaceLink } from "../range/PlaceLink";
import { type Listing } from "../range/listing";
import { type DeltaWords } from "./delta";

export interface Subtext {
  readonly text: string;
  /** Nothing: the text is no figure that records make. */
  readonly records?: Listing;
}

interface Props {
  readonly name: string;
  readonly figure: string;
  readonly records: Listing;
  readonly subtexts?: readonly Subtext[];
  readonly delta?: DeltaWords | null;
  readonly order?: 2 | 3;
}

export function Figure({ name, figure, records, subtexts = [], delta = null, order = 2 }: Props) {
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
      {delta !== null && (
        <p className="card-delta">
          <strong>{delta.change}</strong> <span>{delta.days}</span>
        </p>
      )}
    </Paper>
  );
}

function FigureLink({ records, name, text }: { records: Listing; name: string; text: string }) {
  return (
    <PlaceLink className="figure-link" change={{ records }} aria-label={`${name}, show the records`}>
      {text}
    </PlaceLink>
  );
}
