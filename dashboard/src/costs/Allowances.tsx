// How much of the included quantities is used, in the newest month that the range has from its first day on.

import { Paper, Title } from "@mantine/core";
import { type ChargeCost, type MonthCosts } from "../api/costs";
import { formats } from "../formats";
import { isZero, shortQuantity } from "./money";
import { withUnit } from "./words";

interface Allowance {
  readonly charge: ChargeCost;
  readonly included: string;
  readonly billable: string;
}

/** Return the newest month with included quantities, and its charges that have one. */
function allowancesOf(
  months: readonly MonthCosts[],
): { month: MonthCosts; allowances: readonly Allowance[] } | null {
  const month = months.findLast(({ charges }) => charges.some(({ included }) => included !== null));
  const allowances = (month?.charges ?? []).flatMap((charge) =>
    charge.included === null || charge.billable === null || isZero(charge.included)
      ? []
      : [{ charge, included: charge.included, billable: charge.billable }],
  );
  return month === undefined || allowances.length === 0 ? null : { month, allowances };
}

export function Allowances({ months }: { months: readonly MonthCosts[] }) {
  const found = allowancesOf(months);
  if (found === null) return null;
  return (
    <Paper withBorder component="section" className="cost-block" aria-labelledby="cost-included">
      <Title order={3} id="cost-included" className="cost-block-name">
        Included in {formats.month(`${found.month.month}-01`, true)}
      </Title>
      <ul className="allowances">
        {found.allowances.map(({ charge, included, billable }) => (
          <li key={charge.id}>
            <span className="allowance-name">{charge.name}</span>
            <Bar used={Number(charge.quantity) / Number(included)} />
            <span className="allowance-note">
              {shortQuantity(charge.quantity)} of {withUnit(included, charge.unit)} used
              {!isZero(billable) && `, ${shortQuantity(billable)} billed`}
            </span>
          </li>
        ))}
      </ul>
    </Paper>
  );
}

/** Decorative: the text beside it says the same. An SVG, because forced colors remove backgrounds. */
function Bar({ used }: { used: number }) {
  return (
    <svg className="allowance-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect className="allowance-track" width="100" height="8" />
      <rect
        className={used > 1 ? "allowance-fill over" : "allowance-fill"}
        width={100 * Math.min(used, 1)}
        height="8"
      />
    </svg>
  );
}
