// The period of a budget.

import { NativeSelect } from "@mantine/core";
import { isKeyOf } from "../location/options";
import { type FieldProps } from "./fields";
import { PERIOD_LABELS } from "./words";

export function PeriodField({ draft, change, error }: FieldProps) {
  return (
    <NativeSelect
      label="Period (UTC)"
      value={draft.period}
      data={Object.entries(PERIOD_LABELS).map(([value, label]) => ({ value, label }))}
      error={error}
      onChange={({ currentTarget: { value } }) => {
        if (isKeyOf(PERIOD_LABELS, value)) change({ period: value });
      }}
    />
  );
}
