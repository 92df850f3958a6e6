// Days as the text YYYY-MM-DD, always UTC: no function here ever asks for the browser's time zone.

export type Day = string;

const MS_PER_DAY = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The UTC day of an instant, in milliseconds since 1970. */
export function dayAt(instant: number): Day {
  return new Date(instant).toISOString().slice(0, 10);
}

/** The first instant of a day, in milliseconds since 1970; NaN where the text is no day of the calendar. */
export function startOf(day: Day): number {
  const start = DAY.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  return Number.isNaN(start) || dayAt(start) !== day ? NaN : start;
}

export function isDay(text: string): boolean {
  return !Number.isNaN(startOf(text));
}

export function addDays(day: Day, days: number): Day {
  return dayAt(startOf(day) + days * MS_PER_DAY);
}

/** How many days from one to the other, both included. */
export function daysIncluded(from: Day, to: Day): number {
  return (startOf(to) - startOf(from)) / MS_PER_DAY + 1;
}

export function firstOfMonth(day: Day): Day {
  return `${day.slice(0, 7)}-01`;
}

export function firstOfYear(day: Day): Day {
  return `${day.slice(0, 4)}-01-01`;
}

/** The same date a year earlier; 29 February becomes the 28th. */
export function yearBefore(day: Day): Day {
  const year = String(Number(day.slice(0, 4)) - 1).padStart(4, "0");
  const same = `${year}${day.slice(4)}`;
  return isDay(same) ? same : `${year}-02-28`;
}
