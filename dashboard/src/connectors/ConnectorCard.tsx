// One connector: its provider, last webhook, outcomes and warnings.

import { Alert, Paper, Title } from "@mantine/core";
import { useId } from "react";
import { type Connector } from "../api/connectors";
import { formats } from "../formats";
import { ConnectorDays } from "./ConnectorDays";
import {
  OUTCOME_TEXTS,
  connectorWarnings,
  headline,
  nonZeroOutcomes,
  providerLabel,
  timeAgo,
} from "./labels";

interface Props {
  readonly connector: Connector;
  /** The server's time, in milliseconds since 1970. */
  readonly now: number;
  /** Whether to show what an operator, who can run commands, can do. */
  readonly operator: boolean;
}

export function ConnectorCard({ connector, now, operator }: Props) {
  const titleId = useId();
  const { id, provider, created_at, disabled_at, last_event_at, open_conversations } = connector;
  const name = providerLabel(provider);
  const summary = headline(connector.outcomes, formats);
  return (
    <Paper
      withBorder
      component="article"
      className={disabled_at === null ? "connector" : "connector disabled"}
      aria-labelledby={titleId}
    >
      <header className="connector-head">
        <Title order={2} size="h4" id={titleId}>
          {name} <code className="connector-id">{id}</code>
        </Title>
        <span className="connector-state">{disabled_at === null ? "in use" : "disabled"}</span>
      </header>
      {connectorWarnings(connector).map(({ title, text, remedy, command }) => (
        <Alert
          key={title}
          role="note"
          color="red"
          variant="outline"
          title={title}
          className="connector-warning"
        >
          {text}
          {operator && (
            <>
              {" "}
              {remedy} <code>{command}</code>
            </>
          )}
        </Alert>
      ))}
      {summary !== null && <p className="connector-headline">{summary}</p>}
      <div className="connector-body">
        <div>
          <dl className="connector-facts">
            <Fact name="Last webhook">
              {last_event_at === null ? "none yet" : <Ago instant={last_event_at} now={now} />}
            </Fact>
            <Fact name="Calls in progress">{formats.count(open_conversations)}</Fact>
            <Fact name="Added">{formats.instant(Date.parse(created_at))}</Fact>
            {disabled_at !== null && <Fact name="Disabled">{formats.instant(Date.parse(disabled_at))}</Fact>}
          </dl>
          <ConnectorDays connector={connector} name={`${name} ${id}`} />
        </div>
        <OutcomeList connector={connector} now={now} operator={operator} />
      </div>
    </Paper>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Ago({ instant, now }: { instant: string; now: number }) {
  const at = Date.parse(instant);
  return (
    <time dateTime={instant}>
      {timeAgo(at, now)} <span className="connector-exact">{formats.preciseInstant(at)}</span>
    </time>
  );
}

function OutcomeList({ connector, now, operator }: Props) {
  const { outcomes, last_rejected_at, ignored_types, assumed_values } = connector;
  return (
    <dl className="connector-outcomes">
      {nonZeroOutcomes(outcomes).map((outcome) => {
        const { name, help, kind, command } = OUTCOME_TEXTS[outcome];
        return (
          <div key={outcome} className={kind}>
            <dt>{name}</dt>
            <dd className="connector-count">{formats.count(outcomes[outcome])}</dd>
            <dd className="connector-help">
              {help}
              {operator && command !== undefined && (
                <>
                  {" "}
                  See why: <code>{command}</code>
                </>
              )}
              {outcome === "rejected" && last_rejected_at !== null && (
                <div>
                  Last: <Ago instant={last_rejected_at} now={now} />
                </div>
              )}
              {outcome === "ignored" && ignored_types.length > 0 && (
                <IgnoredTypes types={ignored_types} now={now} />
              )}
              {outcome === "accepted" && assumed_values.length > 0 && (
                <AssumedValues values={assumed_values} now={now} />
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function IgnoredTypes({ types, now }: { types: Connector["ignored_types"]; now: number }) {
  return (
    <ul className="connector-types">
      {types.map(({ type, messages, last_at }) => (
        <li key={type}>
          <code>{type}</code> {formats.count(messages)}, last {timeAgo(Date.parse(last_at), now)}
        </li>
      ))}
    </ul>
  );
}

function AssumedValues({ values, now }: { values: Connector["assumed_values"]; now: number }) {
  return (
    <ul className="connector-types">
      {values.map(({ missing, messages, last_at }) => (
        <li key={missing}>
          {missing} assumed: {formats.count(messages)}, last {timeAgo(Date.parse(last_at), now)}
        </li>
      ))}
    </ul>
  );
}
