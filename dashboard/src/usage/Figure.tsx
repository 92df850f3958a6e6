// One card: a name, a figure, what belongs to it.

import { Paper, Title } from "@mantine/core";
import { useId } from "react";

interface Props {
  readonly name: string;
  readonly figure: string;
  readonly subtexts?: readonly string[];
  readonly order?: 2 | 3;
}

export function Figure({ name, figure, subtexts = [], order = 2 }: Props) {
  const id = useId();
  return (
    <Paper withBorder className="card" role="group" aria-labelledby={id}>
      <Title order={order} id={id} className="card-name">
        {name}
      </Title>
      <p className="card-figure">{figure}</p>
      <p className="card-subtext">
        {subtexts.map((text) => (
          <span key={text}>{text}</span>
        ))}
      </p>
    </Paper>
  );
}
