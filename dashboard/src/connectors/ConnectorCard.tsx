// One connector: its provider, last webhook, outcomes and warnings.

import { Alert, Paper, Title } from "@mantine/core";
import { useId } from "react";
import { type Connector } from "../api/connectors";
import { formats } from "../formats";
import { ConnectorDays } from "./ConnectorDays";
import { OUTCOMES, OUTCOME_TEXTS, connectorWarnings, providerLabel, timeAgo } from "./labels";

/** `now` is the server's time, in milliseconds since 1970. */
export function ConnectorCard({ connector, now }: { connector: Connector; now: number }) {
  const titleId = useId();
  const { id, provider, created_at, disabled_at, last_event_at, open_conversations } = connector;
  const name = providerLabel(provider);
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
      {connectorWarnings(connector).map(({ title, text, command }) => (
        <Alert
          key={title}
          role="note"
          color="red"
          variant="outline"
          title={title}
          className="connector-warning"
        >
          {text} <code>{command}</code>
        </Alert>
      ))}
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
        <OutcomeList connector={connector} now={now} />
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

function OutcomeList({ connector, now }: { connector: Connector; now: number }) {
  const { outcomes, last_rejected_at, ignored_types, assumed_values } = connector;
  return (
    <dl className="connector-outcomes">
      {OUTCOMES.map((outcome) => {
        const { name, help, kind } = OUTCOME_TEXTS[outcome];
        return (
          <div key={outcome} className={outcomes[outcome] === 0 ? "zero" : kind}>
            <dt>{name}</dt>
            <dd className="connector-count">{formats.count(outcomes[outcome])}</dd>
            <dd className="connector-help">
              {help}
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
