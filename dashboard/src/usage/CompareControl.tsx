// What the range is compared with: a small choice, kept in the address.

import { NativeSelect } from "@mantine/core";
import { COMPARES, type Compare, isOneOf } from "../range/options";
import { visit } from "../range/visit";

export function CompareControl({ compare }: { compare: Compare }) {
  return (
    <label className="labelled">
      <span>Compared with</span>
      <NativeSelect
        value={compare}
        data={Object.entries(COMPARES).map(([value, label]) => ({ value, label }))}
        onChange={({ currentTarget: { value } }) => {
          if (isOneOf(COMPARES, value)) visit({ compare: value }, "push");
        }}
      />
    </label>
  );
}
