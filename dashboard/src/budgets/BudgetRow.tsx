// A budget: what it limits, how much is used, its thresholds, its pace and its history.

import { Button, Title } from "@mantine/core";
import { type BudgetAnswer } from "../api/budgets";
import { fullText } from "../breakdown/FullText";
import { formats } from "../formats";
import { type Day, addDays } from "../range/days";
import { CheckIcon } from "../shell/icons";
import { BudgetHistory } from "./BudgetHistory";
import {
  SILENCE,
  type Threshold,
  isReached,
  paceText,
  percentText,
  subject,
  thresholdsOf,
  unknownText,
  usedOf,
} from "./words";

interface Props {
  readonly organization: string;
  readonly answer: BudgetAnswer;
  readonly today: Day;
  /** Null: the session cannot change budgets. */
  readonly edit: Edit | null;
}

export interface Edit {
  /** Open the form of a budget, or of a new one. */
  readonly start: (answer: BudgetAnswer | null) => void;
  /** A form is open already. */
  readonly disabled: boolean;
}

/** The id of the element that opens the form of a budget. */
export function editButton(id: string): string {
  return `budget-edit-${id}`;
}

export function BudgetRow({ organization, answer, today, edit }: Props) {
  const { id, budget } = answer;
  return (
    <div className={budget.enabled ? "budget-row" : "budget-row paused"}>
      <div className="budget-what">
        <Title order={3} className="budget-name" {...fullText(budget.name, null)}>
          {budget.name}
        </Title>
        <p className="budget-subject">{subject(answer)}</p>
        {!budget.enabled && <span className="month-badge">Paused</span>}
      </div>
      <Usage answer={answer} today={today} />
      {edit !== null && (
        <Button
          id={editButton(id)}
          className="budget-edit"
          variant="default"
          size="xs"
          disabled={edit.disabled}
          aria-label={`Edit the budget ${budget.name}`}
          onClick={() => {
            edit.start(answer);
          }}
        >
          Edit
        </Button>
      )}
      <BudgetHistory organization={organization} answer={answer} today={today} />
    </div>
  );
}

function Usage({ answer, today }: { answer: BudgetAnswer; today: Day }) {
  const { from, to, value, limit, percent } = answer.current;
  if (value === null || limit === null || percent === null) {
    return <p className="budget-usage budget-unknown">{unknownText(answer)}</p>;
  }
  const thresholds = thresholdsOf(answer);
  const pace = paceText(answer, today);
  return (
    <div className="budget-usage">
      <p className="budget-value">
        <strong>{percentText(percent)}</strong>
        <span>{usedOf(answer, value, limit)}</span>
        {answer.budget.metric !== SILENCE && (
          <span className="budget-period">{formats.range({ from, to: addDays(to, -1) }, today)}</span>
        )}
      </p>
      <Bar percent={Number(percent)} thresholds={thresholds} reached={isReached(answer)} />
      <div className="budget-below">
        <Thresholds thresholds={thresholds} today={today} />
        {pace !== null && <p className="budget-pace">{pace}</p>}
      </div>
    </div>
  );
}

interface BarProps {
  readonly percent: number;
  readonly thresholds: readonly Threshold[];
  readonly reached: boolean;
}

/** Decorative: the text around it says the same. An SVG, because forced colors remove backgrounds. */
function Bar({ percent, thresholds, reached }: BarProps) {
  const end = Math.max(100, ...thresholds.map((threshold) => threshold.percent));
  const at = (value: number) => (100 * Math.min(value, end)) / end;
  return (
    <svg className="budget-bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
      <rect className="budget-track" y="2" width="100" height="8" />
      <rect
        className={reached ? "budget-fill reached" : "budget-fill"}
        y="2"
        width={at(percent)}
        height="8"
      />
      {thresholds.map((threshold) => (
        <line
          key={threshold.percent}
          className="budget-mark"
          vectorEffect="non-scaling-stroke"
          x1={at(threshold.percent)}
          x2={at(threshold.percent)}
          y1="0"
          y2="12"
        />
      ))}
    </svg>
  );
}

function Thresholds({ thresholds, today }: { thresholds: readonly Threshold[]; today: Day }) {
  return (
    <ul className="budget-thresholds" aria-label="Thresholds">
      {thresholds.map(({ percent, reachedAt, lowered }) => (
        <li key={percent} className={reachedAt === null ? undefined : "reached"}>
          {reachedAt !== null && <CheckIcon />}
          <span>{percentText(percent)}</span>
          {reachedAt !== null && (
            <span>
              <span className="visually-hidden">reached </span>
              {formats.shortInstant(reachedAt, today)}
              {lowered && ", lower after corrections"}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}
