// A range in which nothing happened: says so, and offers longer ones.

import { Button, Paper, Title } from "@mantine/core";
import { formats } from "../formats";
import { type Day } from "../range/days";
import { type Choice, PRESETS, type Preset, type Range } from "../range/range";

const LONGER: readonly Preset[] = ["last-30-days", "last-90-days", "last-12-months"];

interface Props {
  readonly range: Range;
  readonly today: Day;
  readonly choose: (choice: Choice) => void;
}

export function EmptyRange({ range, today, choose }: Props) {
  return (
    <Paper withBorder className="empty">
      <Title order={2} size="h4">
        No activity in this range
      </Title>
      <p>There was no call and no workflow run: {formats.range(range, today)}, days in UTC.</p>
      <div className="buttons">
        {LONGER.map((preset) => (
          <Button
            key={preset}
            variant="default"
            size="xs"
            onClick={() => {
              choose(preset);
            }}
          >
            {PRESETS[preset]}
          </Button>
        ))}
      </div>
    </Paper>
  );
}
