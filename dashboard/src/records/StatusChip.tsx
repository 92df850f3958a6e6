// A status as a chip: its text, and a mark of its kind.

import { statusKind, statusLabel } from "./labels";

export function StatusChip({ status, silent = false }: { status: string; silent?: boolean }) {
  return (
    <span className={`status ${statusKind(status)}`}>
      {statusLabel(status)}
      {silent && ", silent"}
    </span>
  );
}
