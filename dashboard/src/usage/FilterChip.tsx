// The filter of the whole page, with a button that removes it.

import { valueLabel } from "../breakdown/labels";
import { type PageFilter } from "../location/filter";
import { type Dimension } from "../location/options";
import { navigate } from "../location/router";
import { CloseIcon } from "../shell/icons";
import { IconButton } from "../shell/IconButton";

const NOUNS: Readonly<Record<Dimension, string>> = {
  agent: "Agent",
  number: "Number",
  widget: "Widget",
  workflow: "Workflow",
  channel: "Channel",
};

export function FilterChip({ filter, name }: { filter: PageFilter; name: string | null }) {
  const { by, value } = filter;
  const label = valueLabel(by, value === "" ? null : value, name);
  return (
    <span className="chip" role="group" aria-label="Filter of this page">
      <span className="chip-text" title={value}>
        <span className="chip-noun">{NOUNS[by]}</span> {label}
      </span>
      <IconButton
        quiet
        label={`Remove the filter ${label}`}
        onClick={() => {
          navigate({ filter: null }, "push");
        }}
      >
        <CloseIcon />
      </IconButton>
    </span>
  );
}
