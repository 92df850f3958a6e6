// The charges of a month as a table whose arithmetic can be read line by line: quantity, included, billed × price, amount.

import { type ChargeCost, type MonthCosts } from "../api/costs";
import { formats } from "../formats";
import { type Money, isZero, quantity } from "./money";
import { FEE, LINE_NAMES, MINIMUM, countingNotes, withUnit } from "./words";

type Tier = NonNullable<ChargeCost["tiers"]>[number];

interface Props {
  readonly month: MonthCosts;
  readonly label: string;
  readonly money: Money;
}

export function ChargeTable({ month, label, money }: Props) {
  const { charges, fee, minimum_charge: minimum, total } = month;
  return (
    <table className="charges">
      <caption className="visually-hidden">Charges, {label}</caption>
      <thead>
        <tr>
          <th scope="col">Charge</th>
          <th scope="col" className="number">
            Quantity
          </th>
          <th scope="col" className="number">
            Included
          </th>
          <th scope="col" className="number">
            Billed × price
          </th>
          <th scope="col" className="number">
            Amount
          </th>
        </tr>
      </thead>
      <tbody>
        {charges.map((charge) => (
          <ChargeRows key={charge.id} charge={charge} month={month} money={money} />
        ))}
        {fee !== null && !isZero(fee) && (
          <Row name={LINE_NAMES[FEE]} notes={["On the first day of the month"]} amount={money.amount(fee)} />
        )}
        {minimum !== null && !isZero(minimum) && (
          <Row
            name={LINE_NAMES[MINIMUM]}
            notes={["The charges are below the minimum of the plan; this is the difference"]}
            amount={money.amount(minimum)}
          />
        )}
      </tbody>
      <tfoot>
        <Row name="Total" amount={total === null ? "–" : money.amount(total)} />
      </tfoot>
    </table>
  );
}

function ChargeRows({ charge, month, money }: { charge: ChargeCost; month: MonthCosts; money: Money }) {
  const { tiers } = charge;
  const [only] = tiers ?? [];
  const single = tiers?.length === 1 ? only : undefined;
  const notes = countingNotes(charge, month, formats);
  return (
    <>
      <Row
        name={charge.name}
        notes={
          single === undefined || !isVolume(charge, single) ? notes : [...notes, volumeText(charge, single)]
        }
        quantity={withUnit(charge.quantity, charge.unit)}
        included={charge.included === null || isZero(charge.included) ? "" : quantity(charge.included)}
        price={single === undefined ? "" : priceText(charge, single, money)}
        amount={money.amount(charge.amount)}
      />
      {single === undefined &&
        tiers?.map((tier) => (
          <Row
            key={tier.from}
            kind="tier"
            name={tierName(tier, charge)}
            price={product(tier.quantity, tier.price, money)}
            amount={money.amount(tier.amount)}
          />
        ))}
    </>
  );
}

interface RowProps {
  readonly kind?: "tier";
  readonly name: string;
  readonly notes?: readonly string[];
  readonly quantity?: string;
  readonly included?: string;
  readonly price?: string;
  readonly amount: string;
}

/** The labels name the cells on phones, which have no table head. */
function Row({ kind, name, notes = [], quantity: count = "", included = "", price = "", amount }: RowProps) {
  return (
    <tr className={kind}>
      <th scope="row">
        {name}
        {notes.map((note) => (
          <span key={note} className="charge-note">
            {note}
          </span>
        ))}
      </th>
      <td className="number" data-label="Quantity">
        {count}
      </td>
      <td className="number" data-label="Included">
        {included}
      </td>
      <td className="number price" data-label="Billed">
        {price}
      </td>
      <td className="number amount">{amount}</td>
    </tr>
  );
}

/** `11,800 × $0.12`, or `3 packages of 1,000 × $2.00` */
function priceText(charge: ChargeCost, tier: Tier, money: Money): string {
  if (charge.package === null || charge.packages === null) return product(tier.quantity, tier.price, money);
  const packages = `${quantity(String(charge.packages))} ${charge.packages === 1 ? "package" : "packages"}`;
  return `${packages} of ${product(charge.package, tier.price, money)}`;
}

/** With spaces that do not break. */
function product(units: string, price: string, money: Money): string {
  return `${quantity(units)}\u00a0×\u00a0${money.price(price)}`;
}

function tierName({ from, up_to: upTo }: Tier, { unit }: ChargeCost): string {
  if (upTo === null) return `Above ${withUnit(from, unit)}`;
  return isZero(from) ? `First ${withUnit(upTo, unit)}` : `${quantity(from)} to ${withUnit(upTo, unit)}`;
}

/** Whether one tier prices all units, although it does not start at 0. */
function isVolume({ included }: ChargeCost, { from }: Tier): boolean {
  return included !== null && isZero(included) && !isZero(from);
}

function volumeText({ unit }: ChargeCost, { from }: Tier): string {
  return `The price above ${withUnit(from, unit)} applies to all of them`;
}
