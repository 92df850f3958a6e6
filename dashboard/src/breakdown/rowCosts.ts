// The cost of each value of a tab, for the Cost column of the breakdown. The column is hidden without a plan.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { type Costs } from "../api/costs";
import { moneyOf } from "../costs/money";
import { costsQuery, splitQuery } from "../costs/query";
import { type Dimension } from "../location/options";
import { type Range } from "../range/range";
import { MAX_ROWS } from "./query";

export interface RowCosts {
  /** The amount as text; a value that is not in the answer costs nothing. */
  readonly text: (value: string | null) => string;
  /** What rows are sorted by. */
  readonly amount: (value: string | null) => number;
}

/** Return the costs; null while they load, without a plan, or if they failed: the Cost section says why. */
export function useRowCosts(
  organization: string,
  range: Range,
  by: Dimension,
  enabled: boolean,
): RowCosts | null {
  const whole = useQuery({ ...costsQuery(organization, range), enabled });
  const hasPlan = enabled && whole.data !== undefined && whole.data.currency !== null;
  const { data } = useQuery({ ...splitQuery(organization, range, by, MAX_ROWS), enabled: hasPlan });
  return useMemo(() => (hasPlan && data !== undefined ? rowCosts(data) : null), [hasPlan, data]);
}

function rowCosts({ currency, total, rows }: Costs): RowCosts | null {
  if (currency === null || total === null || rows === null) return null;
  const money = moneyOf(currency, total);
  const amounts = new Map(rows.map(({ value, amount }) => [value, amount]));
  return {
    text: (value) => money.amount(amounts.get(value) ?? "0"),
    amount: (value) => Number(amounts.get(value) ?? "0"),
  };
}
