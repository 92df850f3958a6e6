// The budget in the form was changed or deleted meanwhile: says who, when and what, and lets the person choose.

import { Button } from "@mantine/core";
import { type Budget, type BudgetVersion } from "../api/budgets";
import { formats } from "../formats";
import { Notice } from "../shell/Notice";
import { differences } from "./draft";

interface Props {
  /** The budget as it was when the form was opened; null: it was to be created. */
  readonly known: Budget | null;
  /** The budget as it is now; null: it was deleted. */
  readonly present: BudgetVersion | null;
  readonly busy: boolean;
  /** The person wants to delete the budget, not to save it. */
  readonly deletes: boolean;
  readonly overwrite: () => void;
  readonly reload: () => void;
}

export function Conflict({ known, present, busy, deletes, overwrite, reload }: Props) {
  return (
    <Notice
      role="alert"
      title={present === null ? "This budget was deleted meanwhile" : "This budget was changed meanwhile"}
      isError
    >
      {present === null ? (
        <p className="notice-text">Nothing was saved. You can create the budget again with your values.</p>
      ) : (
        <>
          <p>
            Nothing was {deletes ? "deleted" : "saved"}. It was changed on{" "}
            {formats.preciseInstant(Date.parse(present.changed_at))} by {present.changed_by}:
          </p>
          <Changes known={known} present={present} />
        </>
      )}
      <div className="buttons">
        <Button size="xs" variant="default" disabled={busy} onClick={reload}>
          {present === null ? "Close" : "Show the present values"}
        </Button>
        <Button size="xs" color="red" loading={busy} onClick={overwrite}>
          {present === null ? "Create it again" : deletes ? "Delete it anyway" : "Overwrite with mine"}
        </Button>
      </div>
    </Notice>
  );
}

function Changes({ known, present }: { known: Budget | null; present: BudgetVersion }) {
  const changes = known === null ? [] : differences(known, present);
  if (changes.length === 0) return <p className="notice-text">None of the values in this form differ.</p>;
  return (
    <ul className="budget-changes">
      {changes.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  );
}
