// A notice about webhooks of budgets that get no messages any more, because they failed for five days.

import { useQuery } from "@tanstack/react-query";
import { type BudgetAnswer } from "../api/budgets";
import { formats } from "../formats";
import { Notice } from "../shell/Notice";
import { webhooksQuery } from "./query";

interface Props {
  readonly organization: string;
  readonly budgets: readonly BudgetAnswer[];
}

export function DisabledWebhooks({ organization, budgets }: Props) {
  const used = new Set(budgets.flatMap(({ budget }) => budget.webhooks));
  const { data } = useQuery({ ...webhooksQuery(organization), enabled: used.size > 0 });
  const disabled = (data ?? []).filter(({ id, disabled_at: at }) => at !== null && used.has(id));
  if (disabled.length === 0) return null;
  return (
    <Notice role="status" title="Messages of budgets are not sent" isError>
      <ul className="budget-changes">
        {disabled.map(({ id, disabled_at: at }) => (
          <li key={id}>
            Webhook {id} was disabled on {formats.instant(Date.parse(at ?? ""))}, because it failed for five
            days. Set it again to enable it.
          </li>
        ))}
      </ul>
    </Notice>
  );
}
