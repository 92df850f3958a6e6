// One connector: whose messages it takes, when the last came, what became of them, and what somebody should look after.

import { Alert, Paper, Title } from "@mantine/core";
import { useId } from "react";
import { type Connector } from "../api/connectors";
import { formats } from "../formats";
import { Days } from "./Days";
import { NAMES, OUTCOMES, agoWords, providerWords, warningsOf } from "./words";

/** `now` is when the server answered, in milliseconds. */
export function OneConnector({ connector, now }: { connector: Connector; now: number }) {
  const head = useId();
  const { id, provider, created_at, disabled_at, last_event_at, open_conversations } = connector;
  const name = providerWords(provider);
  return (
    <Paper
      withBorder
      component="article"
      className={disabled_at === null ? "connector" : "connector disabled"}
      aria-labelledby={head}
    >
      <header className="connector-head">
        <Title order={2} size="h4" id={head}>
          {name} <code className="connector-id">{id}</code>
        </Title>
        <span className="connector-state">{disabled_at === null ? "in use" : "disabled"}</span>
      </header>
      {warningsOf(connector).map(({ title, text, command }) => (
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
            <Fact name="Last message">
              {last_event_at === null ? "none yet" : <Ago instant={last_event_at} now={now} />}
            </Fact>
            <Fact name="Open conversations">{formats.count(open_conversations)}</Fact>
            <Fact name="Added">{formats.instant(Date.parse(created_at))}</Fact>
            {disabled_at !== null && <Fact name="Disabled">{formats.instant(Date.parse(disabled_at))}</Fact>}
          </dl>
          <Days connector={connector} name={`${name} ${id}`} />
        </div>
        <Outcomes connector={connector} now={now} />
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
      {agoWords(at, now)} <span className="connector-exact">{formats.exact(at)}</span>
    </time>
  );
}

function Outcomes({ connector, now }: { connector: Connector; now: number }) {
  const { outcomes, last_rejected_at, ignored_types } = connector;
  return (
    <dl className="connector-outcomes">
      {NAMES.map((outcome) => {
        const { name, help, kind } = OUTCOMES[outcome];
        return (
          <div key={outcome} className={outcomes[outcome] === 0 ? "nothing" : kind}>
            <dt>{name}</dt>
            <dd className="connector-count">{formats.count(outcomes[outcome])}</dd>
            <dd className="connector-help">
              {help}
              {outcome === "rejected" && last_rejected_at !== null && (
                <div>
                  Last: <Ago instant={last_rejected_at} now={now} />
                </div>
              )}
              {outcome === "ignored" && ignored_types.length > 0 && <Types types={ignored_types} now={now} />}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Types({ types, now }: { types: Connector["ignored_types"]; now: number }) {
  return (
    <ul className="connector-types">
      {types.map(({ type, messages, last_at }) => (
        <li key={type}>
          <code>{type}</code> {formats.count(messages)}, last {agoWords(Date.parse(last_at), now)}
        </li>
      ))}
    </ul>
  );
}
