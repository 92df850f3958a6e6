// A connector's last days: a column chart for the eye, and the same numbers as a table.

import { type Connector, type OutcomesOfDay } from "../api/connectors";
import { formats } from "../formats";
import { OUTCOME_TEXTS, type OutcomeKind, columnParts, nonZeroOutcomes } from "./labels";

const COLUMN_ORDER: readonly OutcomeKind[] = ["attention", "harmless", "counted"];

export function ConnectorDays({
  connector: { days, outcomes },
  name,
}: {
  connector: Connector;
  name: string;
}) {
  const shown = nonZeroOutcomes(outcomes);
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || shown.length === 0) {
    return <p className="connector-nothing">No webhooks in the last 7 days.</p>;
  }
  return (
    <div className="connector-days">
      <div aria-hidden="true">
        <Columns days={days} />
        <p className="connector-ends">
          <span>{formats.shortDay(first.date)}</span>
          <span>{formats.shortDay(last.date)}, so far</span>
        </p>
      </div>
      <details>
        <summary>
          Day by day<span className="visually-hidden">: {name}</span>
        </summary>
        <div className="table-box" tabIndex={0} role="region" aria-label={`${name} day by day`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Day (UTC)</th>
                {shown.map((outcome) => (
                  <th key={outcome} scope="col" className="number">
                    {OUTCOME_TEXTS[outcome].name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {days.map((day) => (
                <tr key={day.date}>
                  <th scope="row">{formats.day(day.date)}</th>
                  {shown.map((outcome) => (
                    <td key={outcome} className="number">
                      {formats.count(day[outcome])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  );
}

/** The columns share one scale. CSS hatches the last one, because today is not over. */
function Columns({ days }: { days: readonly OutcomesOfDay[] }) {
  const columns = days.map((day) => ({ date: day.date, parts: columnParts(day) }));
  const sum = (parts: Readonly<Record<OutcomeKind, number>>) =>
    parts.counted + parts.harmless + parts.attention;
  const max = Math.max(1, ...columns.map(({ parts }) => sum(parts)));
  return (
    <div className="connector-columns">
      {columns.map(({ date, parts }) => (
        <div key={date} className="connector-column">
          {COLUMN_ORDER.filter((kind) => parts[kind] > 0).map((kind) => (
            <span key={kind} className={kind} style={{ height: `${(parts[kind] / max) * 100}%` }} />
          ))}
        </div>
      ))}
    </div>
  );
}
