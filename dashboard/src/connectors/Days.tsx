// The days of a connector: a small column for each, drawn for the eye, and the same as a table of numbers.

import { type Connector, type OutcomesOfDay } from "../api/connectors";
import { formats } from "../formats";
import { type Kind, OUTCOMES, columnOf, namesOf } from "./words";

const KINDS: readonly Kind[] = ["wrong", "harmless", "counted"];

export function Days({ connector: { days, outcomes }, name }: { connector: Connector; name: string }) {
  const shown = namesOf(outcomes);
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || shown.length === 0) {
    return <p className="connector-nothing">No message in the last 7 days.</p>;
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
          Day by day<span className="unseen">: {name}</span>
        </summary>
        <div className="table-box" tabIndex={0} role="region" aria-label={`${name} day by day`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Day (UTC)</th>
                {shown.map((outcome) => (
                  <th key={outcome} scope="col" className="number">
                    {OUTCOMES[outcome].name}
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

/** All columns of one scale; the last day, which is not over, is hatched. */
function Columns({ days }: { days: readonly OutcomesOfDay[] }) {
  const columns = days.map((day) => ({ date: day.date, parts: columnOf(day) }));
  const sum = (parts: Readonly<Record<Kind, number>>) => parts.counted + parts.harmless + parts.wrong;
  const most = Math.max(1, ...columns.map(({ parts }) => sum(parts)));
  return (
    <div className="connector-columns">
      {columns.map(({ date, parts }) => (
        <div key={date} className="connector-column">
          {KINDS.filter((kind) => parts[kind] > 0).map((kind) => (
            <span key={kind} className={kind} style={{ height: `${(parts[kind] / most) * 100}%` }} />
          ))}
        </div>
      ))}
    </div>
  );
}
