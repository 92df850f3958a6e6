// The history of a budget: the thresholds that were reached within a year, what became of the messages about them, and who
// changed the budget last.

import { Button, Skeleton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type BudgetAnswer, type Delivery } from "../api/budgets";
import { formats } from "../formats";
import { type Day, addDays } from "../range/days";
import { CopyButton } from "../shell/CopyButton";
import { ErrorAlert } from "../shell/ErrorAlert";
import { budgetQuery } from "./query";
import { attemptText, deliveryText, limitText, percentText, valueText } from "./words";

const FEW_CROSSINGS = 12;

interface Props {
  readonly organization: string;
  readonly answer: BudgetAnswer;
  readonly today: Day;
}

export function BudgetHistory({ organization, answer, today }: Props) {
  const { id, budget, changed_at: changedAt, changed_by: changedBy } = answer;
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details
      className="budget-history"
      onToggle={({ currentTarget }) => {
        setIsOpen(currentTarget.open);
      }}
    >
      <summary>
        History<span className="visually-hidden"> of {budget.name}</span>
      </summary>
      {isOpen && <LoadedCrossings organization={organization} answer={answer} today={today} />}
      <p className="budget-note">
        Last changed on {formats.instant(Date.parse(changedAt))} by {changedBy}. Id <code>{id}</code>
        <CopyButton label="Copy the id" text={() => id} />
      </p>
    </details>
  );
}

function LoadedCrossings({ organization, answer, today }: Props) {
  const query = useQuery(budgetQuery(organization, answer.id));
  if (query.data !== undefined) return <Crossings answer={query.data} today={today} />;
  if (query.isPending) {
    return (
      <div className="budget-history-loading" role="status" aria-label="Loading the history">
        <Skeleton height="100%" />
      </div>
    );
  }
  return (
    <ErrorAlert
      error={query.error}
      retry={() => void query.refetch()}
      busy={query.isFetching}
      title="Could not load the history"
    />
  );
}

function Crossings({ answer, today }: { answer: BudgetAnswer; today: Day }) {
  const { budget, crossings } = answer;
  const [showsAll, setShowsAll] = useState(false);
  if (crossings.length === 0) {
    return <p className="budget-note">No threshold was reached in the last 12 months.</p>;
  }
  const shown = showsAll ? crossings : crossings.slice(0, FEW_CROSSINGS);
  const hasMessages = crossings.some(({ deliveries }) => (deliveries ?? []).length > 0);
  return (
    <>
      <div
        className="budget-table"
        role="region"
        aria-label={`Thresholds reached, ${budget.name}`}
        tabIndex={0}
      >
        <table className="charges">
          <thead>
            <tr>
              <th scope="col">Threshold</th>
              <th scope="col">Reached (UTC)</th>
              <th scope="col">Period</th>
              <th scope="col" className="number">
                Value then
              </th>
              <th scope="col" className="number">
                Limit then
              </th>
              {hasMessages && <th scope="col">Messages</th>}
            </tr>
          </thead>
          <tbody>
            {shown.map(({ from, to, threshold, at, value, limit, deliveries }) => (
              <tr key={`${from} ${threshold}`}>
                <th scope="row">{percentText(threshold)}</th>
                <td>{formats.shortInstant(Date.parse(at), today)}</td>
                <td>{formats.range({ from, to: addDays(to, -1) }, today)}</td>
                <td className="number">{valueText(answer, value)}</td>
                <td className="number">{limitText(answer, limit)}</td>
                {hasMessages && (
                  <td>
                    <Messages deliveries={deliveries ?? []} today={today} />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < crossings.length && (
        <Button
          variant="default"
          size="xs"
          onClick={() => {
            setShowsAll(true);
          }}
        >
          Show all {crossings.length}
        </Button>
      )}
    </>
  );
}

/** What became of the message about a threshold, at each receiver. */
function Messages({ deliveries, today }: { deliveries: readonly Delivery[]; today: Day }) {
  return (
    <ul className="budget-messages">
      {deliveries.map((delivery) => (
        <li key={`${delivery.channel} ${delivery.target}`}>
          {deliveryText(delivery, today)}
          <Attempts delivery={delivery} today={today} />
        </li>
      ))}
    </ul>
  );
}

function Attempts({ delivery: { attempts, target }, today }: { delivery: Delivery; today: Day }) {
  if (attempts.length === 0) return null;
  return (
    <details>
      <summary>
        {attempts.length === 1 ? "1 attempt" : `${attempts.length} attempts`}
        <span className="visually-hidden"> to {target}</span>
      </summary>
      <ol className="budget-attempts">
        {attempts.map((attempt) => (
          <li key={attempt.number}>{attemptText(attempt, today)}</li>
        ))}
      </ol>
    </details>
  );
}
