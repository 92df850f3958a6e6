// UTC days as YYYY-MM-DD strings. No function depends on the browser's time zone.

export type Day = string;

const MS_PER_DAY = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Return the UTC day of an instant in milliseconds since 1970. */
export function utcDay(instant: number): Day {
  return new Date(instant).toISOString().slice(0, 10);
}

/** Return the midnight at which a day starts, in milliseconds since 1970; NaN if the text is not a calendar day. */
export function startOfDay(day: Day): number {
  const start = DAY.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  return Number.isNaN(start) || utcDay(start) !== day ? NaN : start;
}

export function isDay(text: string): boolean {
  return !Number.isNaN(startOfDay(text));
}

export function addDays(day: Day, days: number): Day {
  return utcDay(startOfDay(day) + days * MS_PER_DAY);
}

/** Return the number of days in a range, both ends included. */
export function countDays(from: Day, to: Day): number {
  return (startOfDay(to) - startOfDay(from)) / MS_PER_DAY + 1;
}

export function lastOfMonth(day: Day): Day {
  return addDays(firstOfMonth(addDays(firstOfMonth(day), 31)), -1);
}

export function firstOfMonth(day: Day): Day {
  return `${day.slice(0, 7)}-01`;
}

export function firstOfYear(day: Day): Day {
  return `${day.slice(0, 4)}-01-01`;
}

/** Return the same date a year earlier; February 29 becomes the 28th. */
export function oneYearEarlier(day: Day): Day {
  const year = String(Number(day.slice(0, 4)) - 1).padStart(4, "0");
  const sameDate = `${year}${day.slice(4)}`;
  return isDay(sameDate) ? sameDate : `${year}-02-28`;
}
