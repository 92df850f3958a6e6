// A range without activity: suggests longer ranges.

import { Button, Paper, Title } from "@mantine/core";
import { formats } from "../formats";
import { type Day } from "../range/days";
import { PRESET_LABELS, type Preset, type Range, type RangeChoice, resolveRange } from "../range/range";

const LONGER_PRESETS: readonly Preset[] = ["last-30-days", "last-90-days", "last-12-months"];

interface Props {
  readonly range: Range;
  readonly today: Day;
  readonly choose: (choice: RangeChoice) => void;
  readonly filtered: boolean;
}

export function EmptyRange({ range, today, choose, filtered }: Props) {
  return (
    <Paper withBorder className="empty">
      <Title order={2} className="section-name">
        No activity in this range
      </Title>
      <p>
        No calls or workflow runs {filtered && "with this filter "}
        {formats.rangePhrase(range, today)} (UTC).
      </p>
      <div className="buttons">
        {LONGER_PRESETS.filter(
          (preset) => resolveRange(preset, today).from < range.from || range.to < today,
        ).map((preset) => (
          <Button
            key={preset}
            variant="default"
            size="xs"
            onClick={() => {
              choose(preset);
            }}
          >
            {PRESET_LABELS[preset]}
          </Button>
        ))}
      </div>
    </Paper>
  );
}
