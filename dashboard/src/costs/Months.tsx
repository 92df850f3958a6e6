// The months of the range, newest first: open or closed, the difference since closing, and the charges.

import { Paper, Title } from "@mantine/core";
import { type MonthCosts } from "../api/costs";
import { formats } from "../formats";
import { type Day, addDays } from "../range/days";
import { ChargeTable } from "./ChargeTable";
import { type Money, isNegative, isZero } from "./money";
import { isWhole, planName } from "./words";

interface Props {
  readonly months: readonly MonthCosts[];
  readonly today: Day;
  readonly money: Money;
}

export function Months({ months, today, money }: Props) {
  const newestFirst = months.toReversed();
  const opened = newestFirst.find(({ plan }) => plan !== null);
  return (
    <Paper withBorder component="section" className="cost-block cost-months" aria-labelledby="cost-months">
      <Title order={3} id="cost-months" className="cost-block-name">
        Charges
      </Title>
      {newestFirst.map((month, index) => {
        if (month.plan !== null) {
          return (
            <Month key={month.month} month={month} today={today} money={money} open={month === opened} />
          );
        }
        // Months without a plan in a row are one line.
        if (newestFirst[index - 1]?.plan === null) return null;
        const rest = newestFirst.slice(index);
        const end = rest.findIndex(({ plan }) => plan !== null);
        const oldest = (end < 0 ? rest : rest.slice(0, end)).at(-1) ?? month;
        return (
          <p key={month.month} className="month month-head">
            <span className="month-name">{monthsLabel(oldest, month, today)}</span>
            <span className="month-state">No plan</span>
          </p>
        );
      })}
    </Paper>
  );
}

interface MonthProps {
  readonly month: MonthCosts;
  readonly today: Day;
  readonly money: Money;
  readonly open: boolean;
}

function Month({ month, today, money, open }: MonthProps) {
  const label = monthLabel(month, today);
  return (
    <details className="month" open={open}>
      <summary className="month-head">
        <span className="month-name">{label}</span>
        <span className="month-state">
          <span className={`month-badge ${month.state}`}>{month.state === "open" ? "Open" : "Closed"}</span>
          {planName(month)}
        </span>
        <span className="month-total">{money.amount(month.total ?? "0")}</span>
      </summary>
      <ClosedNote month={month} money={money} />
      {month.from !== `${month.month}-01` && (
        <p className="month-note">
          Included quantities, packages and tiers are of the whole month. Choose a range from the first of the
          month to see how each amount is calculated.
        </p>
      )}
      <ChargeTable month={month} label={label} money={money} />
    </details>
  );
}

/** What changed since a month was closed. */
function ClosedNote({ month, money }: { month: MonthCosts; money: Money }) {
  const { closed_total: closed, difference } = month;
  if (closed === null || difference === null) return null;
  const statements = `The statements of this month have ${money.amount(closed)}`;
  if (isZero(difference)) return <p className="month-note">{statements}, which is its present cost.</p>;
  return (
    <p className="month-note">
      {statements}. Usage that changed later makes it {money.amount(difference.replace("-", ""))}{" "}
      {isNegative(difference) ? "less" : "more"}; statements never change, an adjustment bills the difference.
    </p>
  );
}

/** `Nov 2026`, or the days if the range has a part of the month. */
function monthLabel(month: MonthCosts, today: Day): string {
  return monthsLabel(month, month, today);
}

function monthsLabel(first: MonthCosts, last: MonthCosts, today: Day): string {
  if (first === last && isWhole(first)) return formats.month(`${first.month}-01`, true);
  return formats.range({ from: first.from, to: addDays(last.to, -1) }, today);
}
