// The choice of the charts' interval. It is hidden if the range offers only days.

import { UnstyledButton } from "@mantine/core";
import { GRAIN_LABELS, type Grain, offeredGrains } from "../location/options";
import { navigate } from "../location/router";
import { type Range } from "../range/range";

export function GrainControl({ range, grain }: { range: Range; grain: Grain }) {
  const offered = offeredGrains(range);
  if (offered.length < 2) return null;
  return (
    <div className="segments" role="group" aria-label="Interval of the charts">
      {offered.map((name) => (
        <UnstyledButton
          key={name}
          className="segment"
          aria-pressed={name === grain}
          onClick={() => {
            navigate({ grain: name }, "push");
          }}
        >
          {GRAIN_LABELS[name]}
        </UnstyledButton>
      ))}
    </div>
  );
}
