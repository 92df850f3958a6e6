// The Budgets section: each budget with its bar, and a form to create one. Only a session that may manage can change them.

import { Button, Paper, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { type BudgetAnswer } from "../api/budgets";
import { FullText } from "../breakdown/FullText";
import { preparingSec } from "../costs/query";
import { queryClient, sessionQuery } from "../queries";
import { ErrorAlert } from "../shell/ErrorAlert";
import { observeHeight, rememberHeight } from "../shell/heights";
import { Notice } from "../shell/Notice";
import { BudgetForm } from "./BudgetForm";
import { BudgetRow, type Edit, editButton } from "./BudgetRow";
import { DisabledWebhooks } from "./DisabledWebhooks";
import "./budgets.css";
import { BudgetsLoading, type BudgetsProps, budgetsPart } from "./load";
import { budgetsQuery } from "./query";
import { byUrgency } from "./words";

const FEW_BUDGETS = 6;
const NEW_BUTTON = "budget-new";

/** Fetch the budgets. */
export function prefetchBudgets(organization: string): void {
  queryClient.query(budgetsQuery(organization)).catch(() => undefined);
}

/** The budgets of an organization; nothing if it has none and the session cannot create one. */
export default function BudgetSection(props: BudgetsProps) {
  const { organization } = props;
  const query = useQuery(budgetsQuery(organization));
  const session = useQuery(sessionQuery);
  const mayManage = session.data?.signedIn === true && session.data.session.access === "manage";
  const budgets = query.data;
  const shown = query.isError || mayManage || (budgets?.length ?? 0) > 0;
  useEffect(() => {
    if (budgets !== undefined && !shown) rememberHeight(budgetsPart(organization), null);
  }, [budgets, shown, organization]);
  if (budgets === undefined && query.isPending) return <BudgetsLoading organization={organization} />;
  if (!shown) return null;
  return (
    <Section organization={organization}>
      {budgets === undefined ? (
        <>
          <Head />
          <Failure error={query.error} retry={() => void query.refetch()} busy={query.isFetching} />
        </>
      ) : (
        <Contents
          {...props}
          budgets={budgets}
          mayManage={mayManage}
          failure={
            query.error !== null && (
              <p className="cost-refresh-failed" role="status">
                Could not refresh the budgets. {query.error.message}
              </p>
            )
          }
        />
      )}
    </Section>
  );
}

function Section({ organization, children }: { organization: string; children: ReactNode }) {
  const section = useRef<HTMLElement>(null);
  useEffect(
    () => (section.current === null ? undefined : observeHeight(budgetsPart(organization), section.current)),
    [organization],
  );
  return (
    <section ref={section} className="budgets" aria-labelledby="budgets">
      {children}
    </section>
  );
}

function Head({ children }: { children?: ReactNode }) {
  return (
    <div className="section-head">
      <Title order={2} size="h4" id="budgets">
        Budgets
      </Title>
      {children}
    </div>
  );
}

function Failure({ error, retry, busy }: { error: Error | null; retry: () => void; busy: boolean }) {
  if (error === null) return null;
  if (preparingSec(error) !== null) {
    return (
      <Notice role="status" title="Budgets appear when the costs are prepared…">
        <p>{error.message} This part updates by itself.</p>
      </Notice>
    );
  }
  return <ErrorAlert error={error} retry={retry} busy={busy} title="Could not load the budgets" />;
}

interface ContentsProps extends BudgetsProps {
  readonly budgets: readonly BudgetAnswer[];
  readonly mayManage: boolean;
  readonly failure: ReactNode;
}

function Contents({ organization, today, budgets, mayManage, failure }: ContentsProps) {
  const client = useQueryClient();
  /** The budget in the form, null for a new one; undefined if the form is closed. */
  const [open, setOpen] = useState<BudgetAnswer | null>();
  const [showsAll, setShowsAll] = useState(false);
  const [message, setMessage] = useState("");
  const focus = useFocusLater();
  const sorted = byUrgency(budgets);
  const rows = showsAll ? sorted : sorted.filter(({ id }, index) => index < FEW_BUDGETS || id === open?.id);
  const start = (answer: BudgetAnswer | null) => {
    setMessage("");
    setOpen(answer);
  };
  const close = (id: string | null) => {
    focus(id === null ? NEW_BUTTON : editButton(id));
    setOpen(undefined);
  };
  const changed = async (done: string, id: string | null) => {
    await client.invalidateQueries({ queryKey: budgetsQuery(organization).queryKey });
    if (id !== null) setShowsAll(true);
    setMessage(done);
    close(id);
  };
  const form = open !== undefined && (
    <BudgetForm
      organization={organization}
      today={today}
      answer={open}
      cancel={() => {
        close(open?.id ?? null);
      }}
      changed={changed}
    />
  );
  const edit = mayManage ? { start, disabled: open !== undefined } : null;
  // A budget that was deleted meanwhile keeps its form.
  const apart = open !== undefined && !budgets.some(({ id }) => id === open?.id);
  return (
    <>
      <Head>{edit !== null && budgets.length > 0 && <NewButton {...edit} />}</Head>
      <p role="status" className="visually-hidden">
        {message}
      </p>
      {failure}
      <DisabledWebhooks organization={organization} budgets={budgets} />
      {apart && (
        <Paper withBorder className="budget-new">
          {form}
        </Paper>
      )}
      {budgets.length === 0 && edit !== null && !apart && <Invitation {...edit} />}
      {budgets.length > 0 && (
        <Paper withBorder className="budget-list">
          <FullText>
            <ul>
              {rows.map((answer) => (
                <li key={answer.id} className="budget">
                  {open?.id === answer.id ? (
                    form
                  ) : (
                    <BudgetRow organization={organization} answer={answer} today={today} edit={edit} />
                  )}
                </li>
              ))}
            </ul>
          </FullText>
          {rows.length < budgets.length && (
            <Button
              className="budget-more"
              variant="default"
              size="xs"
              onClick={() => {
                setShowsAll(true);
              }}
            >
              Show all {budgets.length} budgets
            </Button>
          )}
        </Paper>
      )}
    </>
  );
}

function NewButton({ start, disabled }: Edit) {
  return (
    <Button
      id={NEW_BUTTON}
      variant="default"
      size="xs"
      disabled={disabled}
      onClick={() => {
        start(null);
      }}
    >
      New budget
    </Button>
  );
}

function Invitation(edit: Edit) {
  return (
    <div className="budget-invitation">
      <p>A budget shows how much of a limit is used, and when it will be reached at the present pace.</p>
      <NewButton {...edit} />
    </div>
  );
}

/** Return a function that focuses an element by id after the next render, because it may not exist yet. */
function useFocusLater(): (id: string) => void {
  const wanted = useRef<string | null>(null);
  useEffect(() => {
    const element = wanted.current === null ? null : document.getElementById(wanted.current);
    if (element === null) return;
    wanted.current = null;
    element.focus();
  });
  return (id) => {
    wanted.current = id;
  };
}
