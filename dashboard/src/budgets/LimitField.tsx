// The limit of a budget, in the unit of its figure; for a charge also what the plan includes.

import { TextInput } from "@mantine/core";
import { usePlanCharges } from "./charges";
import { type DataFieldProps } from "./fields";
import { CHARGE, COST, limitUnit } from "./words";

interface Props extends DataFieldProps {
  readonly canBeIncluded: boolean;
}

export function LimitField({ organization, today, draft, change, error, canBeIncluded }: Props) {
  const { currency, charges } = usePlanCharges(organization, today);
  const charge = charges.find(({ id }) => CHARGE + id === draft.metric);
  const unit = draft.metric === COST ? currency : limitUnit(draft.metric, charge?.unit ?? null);
  const included = canBeIncluded && draft.included;
  return (
    <div>
      <TextInput
        label={unit === null ? "Limit" : `Limit in ${unit}`}
        inputMode="decimal"
        autoComplete="off"
        value={included ? "" : draft.limit}
        placeholder={included ? "What the plan includes" : undefined}
        disabled={included}
        error={error}
        onChange={({ currentTarget }) => {
          change({ limit: currentTarget.value });
        }}
      />
      {canBeIncluded && (
        <label className="budget-check">
          <input
            type="checkbox"
            checked={included}
            onChange={({ currentTarget }) => {
              change({ included: currentTarget.checked });
            }}
          />
          <span>What the plan includes</span>
        </label>
      )}
    </div>
  );
}
