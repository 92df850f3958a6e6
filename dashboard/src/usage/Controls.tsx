// The controls of the Usage page: range, comparison, export, copy link, refresh.

import { NativeSelect } from "@mantine/core";
import { ExportControl } from "../export/ExportControl";
import { COMPARISON_LABELS, isKeyOf } from "../location/options";
import { navigate, usePageLocation } from "../location/router";
import { type Day } from "../range/days";
import { type Range, type RangeChoice } from "../range/range";
import { RangeControl } from "../range/RangeControl";
import { CopyButton } from "../shell/CopyButton";
import { IconButton } from "../shell/IconButton";
import { LinkIcon, RefreshIcon } from "../shell/icons";

interface Props {
  readonly organization: string;
  readonly range: Range;
  readonly today: Day;
  readonly choose: (choice: RangeChoice) => void;
  readonly refresh: () => void;
  readonly refreshing: boolean;
  /** There is something to compare and export. */
  readonly hasFigures: boolean;
}

export function Controls({ organization, range, today, choose, refresh, refreshing, hasFigures }: Props) {
  const { choice, compare } = usePageLocation();
  return (
    <div className="controls">
      {hasFigures && (
        <NativeSelect
          className="comparison"
          aria-label="Comparison"
          value={compare}
          data={Object.entries(COMPARISON_LABELS).map(([value, label]) => ({ value, label }))}
          onChange={({ currentTarget: { value } }) => {
            if (isKeyOf(COMPARISON_LABELS, value)) navigate({ compare: value }, "push");
          }}
        />
      )}
      {hasFigures && <RangeControl choice={choice} today={today} choose={choose} />}
      <div className="actions">
        {hasFigures && <ExportControl organization={organization} range={range} />}
        {hasFigures && (
          <CopyButton
            quiet={false}
            className="copy-link"
            label="Copy the link to this page"
            icon={<LinkIcon />}
            text={() => window.location.href}
          />
        )}
        <IconButton label="Refresh" busy={refreshing} onClick={refresh}>
          <RefreshIcon />
        </IconButton>
      </div>
    </div>
  );
}
