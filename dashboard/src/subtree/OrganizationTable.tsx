// The calls of each organization of a subtree, most first. The rows add up to the last one.

import { type Breakdown, type CallFigures } from "../api/breakdown";
import { type Summary } from "../api/shapes";
import { formats } from "../formats";

export function OrganizationTable({ calls, summary }: { calls: Breakdown; summary: Summary }) {
  const { rows, others } = calls;
  return (
    <div className="organizations" tabIndex={0} role="region" aria-label="Calls by organization">
      <table>
        <thead>
          <tr>
            <th scope="col">Organization</th>
            {["Calls", "Share", "Voice minutes", "Chat minutes"].map((head) => (
              <th key={head} scope="col" className="number">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(
            (row) =>
              "total_calls" in row && (
                <Row key={row.value} name={row.name ?? row.value ?? ""} figures={row} share={row.share} />
              ),
          )}
          {others.values > 0 && "total_calls" in others && (
            <Row name={`${formats.count(others.values)} others`} figures={others} share={others.share} />
          )}
        </tbody>
        <tfoot>
          <Row name="Total" figures={summary} share={summary.total_calls > 0 ? 1 : 0} />
        </tfoot>
      </table>
    </div>
  );
}

type Figures = Pick<CallFigures, "total_calls" | "voice_minutes" | "chat_minutes">;

function Row({ name, figures, share }: { name: string; figures: Figures; share: number }) {
  const { count, minutes } = formats;
  const cells = [
    count(figures.total_calls),
    formats.share(share),
    minutes(figures.voice_minutes),
    minutes(figures.chat_minutes),
  ];
  return (
    <tr>
      <th scope="row">{name}</th>
      {cells.map((cell, index) => (
        <td key={index} className="number">
          {cell}
        </td>
      ))}
    </tr>
  );
}
