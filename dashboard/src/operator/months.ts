// The months that the list can show.

import { utcDay } from "../range/days";

const MONTHS = 25;

/** Return the months up to the one of an instant, as YYYY-MM, the newest first. */
export function lastMonths(now: number): readonly string[] {
  const [year = 0, month = 0] = utcDay(now).split("-").map(Number);
  return Array.from({ length: MONTHS }, (_, back) =>
    utcDay(Date.UTC(year, month - 1 - back, 1)).slice(0, "YYYY-MM".length),
  );
}

/** `November 2026` */
export function monthName(month: string): string {
  const format = new Intl.DateTimeFormat("en", { timeZone: "UTC", month: "long", year: "numeric" });
  return format.format(Date.parse(`${month}-01`));
}
