// The form that creates, changes and deletes a budget. The server checks it; its sentences appear at their fields.

import { Button, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useEffect, useRef, useState } from "react";
import { type BudgetAnswer, type BudgetVersion, deleteBudget, presentOf, putBudget } from "../api/budgets";
import { hasStatus } from "../api/errors";
import { endSession } from "../queries";
import { type Day } from "../range/days";
import { Conflict } from "./Conflict";
import { DeleteControl } from "./DeleteControl";
import {
  type Draft,
  DraftError,
  type Field,
  budgetOf,
  canBeIncluded,
  draftOf,
  fieldOf,
  newId,
} from "./draft";
import { FilterFields } from "./FilterFields";
import { LimitField } from "./LimitField";
import { MetricField } from "./MetricField";
import { PeriodField } from "./PeriodField";
import { WebhookFields } from "./WebhookFields";
import { SILENCE } from "./words";

interface Props {
  readonly organization: string;
  readonly today: Day;
  /** The budget that is changed; null: a new one. */
  readonly answer: BudgetAnswer | null;
  readonly cancel: () => void;
  /** Called after a change with what was done and the id of the budget, null if it was deleted. */
  readonly changed: (done: string, id: string | null) => Promise<void>;
}

/** What a change is based on: a version of the budget, or none if it is created. */
type Known = Pick<BudgetVersion, "budget" | "version"> | null;

const onError = (error: Error) => {
  if (hasStatus(error, 401)) endSession("ended");
};

export function BudgetForm({ organization, today, answer, cancel, changed }: Props) {
  const [known, setKnown] = useState<Known>(answer);
  const [draft, setDraft] = useState<Draft>(() => draftOf(answer?.budget ?? null));
  // The same id if the answer to the first try was lost.
  const [id, setId] = useState(answer?.id ?? null);
  const form = useRef<HTMLFormElement>(null);
  const saving = useMutation({
    mutationFn: async (over: Known) => {
      const budget = budgetOf(draft, known?.budget ?? null);
      const target = id ?? newId(budget.name);
      setId(target);
      await putBudget(organization, target, budget, over?.version ?? null);
      await changed(`The budget ${budget.name} was saved.`, target);
    },
    onError,
  });
  const deleting = useMutation({
    mutationFn: async ({ version, budget }: Pick<BudgetVersion, "version" | "budget">) => {
      await deleteBudget(organization, id ?? "", version).catch((error: unknown) => {
        // It was deleted meanwhile.
        if (!hasStatus(error, 404)) throw error;
      });
      await changed(`The budget ${budget.name} was deleted.`, null);
    },
    onError,
  });
  const busy = saving.isPending || deleting.isPending;
  const error = saving.error ?? deleting.error;
  const present = presentOf(error);
  const field = error instanceof DraftError ? error.field : error === null ? null : fieldOf(error.message);
  const at = (name: Field) => (field === name ? error?.message : undefined);
  const change = (part: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...part }));
  };
  const forget = () => {
    saving.reset();
    deleting.reset();
  };
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    forget();
    saving.mutate(known);
  };
  useEffect(() => form.current?.querySelector<HTMLElement>("input")?.focus(), []);
  useEffect(() => {
    if (error !== null) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [error]);
  const isSilence = draft.metric === SILENCE;
  return (
    <form ref={form} className="budget-form" onSubmit={submit} aria-busy={busy} noValidate>
      <Title order={3} className="budget-name">
        {answer === null ? "New budget" : answer.budget.name}
      </Title>
      <div className="budget-fields">
        <TextInput
          className="budget-wide"
          label="Name"
          autoComplete="off"
          maxLength={200}
          value={draft.name}
          error={at("name")}
          onChange={({ currentTarget }) => {
            change({ name: currentTarget.value });
          }}
        />
        <MetricField
          organization={organization}
          today={today}
          draft={draft}
          change={change}
          error={at("metric")}
          charge={answer?.charge ?? null}
        />
        <FilterFields
          organization={organization}
          today={today}
          draft={draft}
          change={change}
          error={at("filter")}
          without={Object.values(known?.budget.filter ?? {})[0] === ""}
        />
        {!isSilence && <PeriodField draft={draft} change={change} error={at("period")} />}
        <LimitField
          organization={organization}
          today={today}
          draft={draft}
          change={change}
          error={at("limit")}
          canBeIncluded={canBeIncluded(draft)}
        />
        {!isSilence && (
          <TextInput
            label="Thresholds in percent"
            autoComplete="off"
            value={draft.thresholds}
            error={at("thresholds")}
            onChange={({ currentTarget }) => {
              change({ thresholds: currentTarget.value });
            }}
          />
        )}
        <TextInput
          className="budget-wide"
          label="Send e-mails to"
          type="email"
          multiple
          autoComplete="off"
          placeholder="ops@example.com, …"
          value={draft.emails}
          error={at("emails")}
          onChange={({ currentTarget }) => {
            change({ emails: currentTarget.value });
          }}
        />
        <WebhookFields organization={organization} draft={draft} change={change} />
        <label className="budget-check budget-wide">
          <input
            type="checkbox"
            checked={draft.enabled}
            onChange={({ currentTarget }) => {
              change({ enabled: currentTarget.checked });
            }}
          />
          <span>Active: thresholds that are reached are recorded</span>
        </label>
      </div>
      {error !== null && field === null && present === undefined && (
        <p className="budget-error" role="alert">
          {error.message}
        </p>
      )}
      {present !== undefined && (
        <Conflict
          known={known?.budget ?? null}
          present={present}
          busy={busy}
          overwrite={() => {
            forget();
            if (deleting.error !== null && present !== null) deleting.mutate(present);
            else saving.mutate(present);
          }}
          deletes={deleting.error !== null}
          reload={() => {
            if (present === null) {
              void changed("The budget does not exist any more.", null);
              return;
            }
            forget();
            setKnown(present);
            setDraft(draftOf(present.budget));
          }}
        />
      )}
      <div className="buttons budget-buttons">
        <Button type="submit" size="xs" loading={saving.isPending} disabled={busy || present !== undefined}>
          {answer === null ? "Create budget" : "Save"}
        </Button>
        <Button size="xs" variant="default" disabled={busy} onClick={cancel}>
          Cancel
        </Button>
        {answer !== null && known !== null && (
          <DeleteControl
            busy={busy || present !== undefined}
            remove={() => {
              forget();
              deleting.mutate(known);
            }}
          />
        )}
      </div>
    </form>
  );
}
