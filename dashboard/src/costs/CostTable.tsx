// The cost chart as a table: a row per day or month, a column per part. It ends with the API's total.

import { formats } from "../formats";
import { type Money } from "./money";
import { type CostPoint, type CostSeries } from "./series";

interface Props {
  readonly series: CostSeries;
  readonly total: string;
  readonly money: Money;
}

export function pointLabel({ day, partial }: CostPoint, grain: CostSeries["grain"]): string {
  if (grain === "day") return `${formats.day(day)}${partial ? " (so far)" : ""}`;
  return `${formats.month(day, true)}${partial ? " (part of the month)" : ""}`;
}

export function CostTable({ series: { grain, parts, points }, total, money }: Props) {
  const named = parts.filter((part) => points.some(({ amounts }) => amounts[part.id] !== undefined));
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label={`Cost per ${grain} as a table`}>
      <table>
        <caption>Amounts of the days add up to the total. Days are in UTC.</caption>
        <thead>
          <tr>
            <th scope="col">{grain === "day" ? "Day (UTC)" : "Month (UTC)"}</th>
            <th scope="col" className="number">
              Cost
            </th>
            {named.map(({ id, label }) => (
              <th key={id} scope="col" className="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.map((point) => (
            <tr key={point.day}>
              <th scope="row">{pointLabel(point, grain)}</th>
              <td className="number">{point.amount === null ? "No plan" : money.amount(point.amount)}</td>
              {named.map(({ id }) => (
                <td key={id} className="number">
                  {point.amounts[id] === undefined ? "–" : money.amount(point.amounts[id])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Whole range</th>
            <td className="number">{money.amount(total)}</td>
            {named.length > 0 && <td colSpan={named.length} />}
          </tr>
        </tfoot>
      </table>
    </div>
  );
}
