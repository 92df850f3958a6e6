// Which usage a budget limits: all, or that of one agent, number, widget, channel or workflow.

import { NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { DIMENSION_NOUNS, channelLabel, valueLabel } from "../breakdown/labels";
import { breakdownQuery } from "../breakdown/query";
import { CHANNELS } from "../location/listing";
import { type Dimension } from "../location/options";
import { addDays } from "../range/days";
import { filtersOf } from "./draft";
import { type DataFieldProps } from "./fields";

const SUGGESTED_DAYS = 30;
const SUGGESTIONS = 100;

interface Props extends DataFieldProps {
  /** The present budget is of usage without an agent, number, widget, channel or workflow. */
  readonly without: boolean;
}

export function FilterFields(props: Props) {
  const { draft, change, error, without } = props;
  const dimensions = filtersOf(draft.metric);
  const by = dimensions.find((dimension) => dimension === draft.by);
  if (dimensions.length === 0) return null;
  return (
    <>
      <NativeSelect
        label="Usage"
        value={draft.by}
        data={[
          { value: "", label: "All" },
          ...dimensions.map((dimension) => ({
            value: dimension,
            label: `One ${DIMENSION_NOUNS[dimension][0]}`,
          })),
        ]}
        onChange={({ currentTarget: { value } }) => {
          change({ by: value, value: value === "channel" ? (CHANNELS[0] ?? "") : "" });
        }}
      />
      {by === "channel" && (
        <NativeSelect
          label="Channel"
          value={draft.value}
          data={CHANNELS.map((value) => ({ value, label: channelLabel(value) }))}
          error={error}
          onChange={({ currentTarget: { value } }) => {
            change({ value });
          }}
        />
      )}
      {by !== undefined && by !== "channel" && (
        <ValueField {...props} key={by} by={by} error={error} without={without} />
      )}
    </>
  );
}

/** The id of the value; the values with the most usage are suggested with their names. */
function ValueField({ organization, today, draft, change, error, by, without }: Props & { by: Dimension }) {
  const list = useId();
  const range = { from: addDays(today, 1 - SUGGESTED_DAYS), to: today };
  const view = { by, order: "calls", compare: "none", filter: null } as const;
  const { data } = useQuery(breakdownQuery(organization, range, view, SUGGESTIONS));
  const [singular] = DIMENSION_NOUNS[by];
  return (
    <div>
      <TextInput
        label={by === "number" ? "Number" : `Id of the ${singular}`}
        autoComplete="off"
        spellCheck={false}
        list={list}
        value={draft.value}
        placeholder={without ? valueLabel(by, null, null) : undefined}
        error={error}
        onChange={({ currentTarget: { value } }) => {
          change({ value });
        }}
      />
      <datalist id={list}>
        {data?.rows.map(
          ({ value, name }) =>
            value !== null && (
              <option key={value} value={value}>
                {name ?? value}
              </option>
            ),
        )}
      </datalist>
    </div>
  );
}
