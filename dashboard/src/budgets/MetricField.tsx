// The figure that a budget limits: a figure of the summary, the cost, the quantity of a charge, or silence.

import { NativeSelect } from "@mantine/core";
import { type BudgetAnswer } from "../api/budgets";
import { usePlanCharges } from "./charges";
import { filtersOf } from "./draft";
import { type DataFieldProps } from "./fields";
import { CHARGE, COST, FIGURES, SILENCE, metricLabel } from "./words";

interface Option {
  readonly value: string;
  readonly label: string;
}

interface Props extends DataFieldProps {
  /** The charge of the present metric, which the plan may not have any more. */
  readonly charge: BudgetAnswer["charge"];
}

export function MetricField({ organization, today, draft, change, error, charge }: Props) {
  const { currency, charges } = usePlanCharges(organization, today);
  const figures: Option[] = Object.entries(FIGURES).map(([value, { label }]) => ({ value, label }));
  const priced: Option[] =
    currency === null
      ? []
      : [
          { value: COST, label: `Cost, in ${currency}` },
          ...charges.map(({ id, name }) => ({ value: CHARGE + id, label: `${name} (charge)` })),
        ];
  const offered = [...figures, ...priced, { value: SILENCE, label: "Silence: hours without an event" }];
  const isOffered = offered.some(({ value }) => value === draft.metric);
  const present = { value: draft.metric, label: metricLabel(draft.metric, charge?.name ?? null) };
  return (
    <NativeSelect
      label="Figure"
      value={draft.metric}
      data={isOffered ? offered : [...offered, present]}
      error={error}
      onChange={({ currentTarget: { value: metric } }) => {
        const keepsFilter = filtersOf(metric).some((by) => by === draft.by);
        change({ metric, included: false, ...(!keepsFilter && { by: "", value: "" }) });
      }}
    />
  );
}
