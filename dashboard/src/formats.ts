// Numbers, days and instants as text. Numbers use the browser's locale; dates are in English and UTC.

import { type Day, addDays, firstOfMonth, startOfDay, utcDay } from "./range/days";
import { type Range } from "./range/range";

/** All formatting functions of the page. Instants are milliseconds since 1970. */
export interface Formats {
  readonly count: (value: number) => string;
  /** Minutes with two decimals. */
  readonly minutes: (value: number) => string;
  /** The same in two parts, to show the decimals lighter. */
  readonly minutesParts: (value: number) => { readonly whole: string; readonly decimals: string };
  /** A short axis label: `1.5K`. */
  readonly tick: (value: number) => string;
  /** `Sun, Nov 22, 2026` */
  readonly day: (day: Day) => string;
  /** `Sun, Nov 22` */
  readonly weekday: (day: Day) => string;
  /** `Nov 16 – 22, 2026` */
  readonly days: (range: Range) => string;
  /** `14:00` */
  readonly hour: (instant: number) => string;
  /** `Nov 22` */
  readonly shortDay: (day: Day) => string;
  /** `Nov`; with the year if it is January or the first label of an axis. */
  readonly month: (day: Day, first: boolean) => string;
  /** `Nov 1 – 22`; with the year if a day is outside the current year. */
  readonly range: (range: Range, today: Day) => string;
  /** `from Nov 1 to 22`, or `on Nov 1` if the range is a single day. */
  readonly rangePhrase: (range: Range, today: Day) => string;
  /** The time from one instant up to another (exclusive): days, with the hour if an end is not midnight. */
  readonly span: (from: number, to: number, today: Day) => string;
  /** Like `span`, as the end of a sentence: `in Dec 2019` for a whole month, `from Nov 1 to 22`. */
  readonly spanPhrase: (from: number, to: number, today: Day) => string;
  /** A fraction from 0 to 1 as a percentage. */
  readonly share: (part: number) => string;
  /** A signed change in percent, with a true minus: `+4.2%`, `−4.2%`, `0.0%`. */
  readonly change: (percent: number) => string;
  /** `Nov 22, 2026, 14:05 UTC` */
  readonly instant: (instant: number) => string;
  /** `Nov 22, 14:05`; with the year if it is not the current one. */
  readonly shortInstant: (instant: number, today: Day) => string;
  /** `Nov 22, 2026, 14:05:09 UTC` */
  readonly preciseInstant: (instant: number) => string;
  /** How long ago an instant was: `just now`, `2 min ago`, `3 h ago`, `on Nov 22`. */
  readonly ago: (instant: number, now: number) => string;
  /** `14:05:09 UTC` */
  readonly time: (instant: number) => string;
}

/** The decimal separator and two digits. */
const DECIMALS_LENGTH = 3;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function makeFormats(languages: readonly string[]): Formats {
  const known = languages.filter(isSupported);
  const english = known.find((language) => /^en\b/i.test(language)) ?? "en";
  const dates = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(english, { timeZone: "UTC", ...options });
  const monthDay = { day: "numeric", month: "short" } as const;
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  // English text and dates have Latin digits, so numbers have them in every locale.
  const latin = { numberingSystem: "latn" } as const;
  const percent = { ...latin, style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 } as const;

  const count = new Intl.NumberFormat(known, { ...latin, maximumFractionDigits: 0 });
  const minutes = new Intl.NumberFormat(known, {
    ...latin,
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  const tick = new Intl.NumberFormat(known, { ...latin, notation: "compact", maximumFractionDigits: 2 });
  const share = new Intl.NumberFormat(known, percent);
  const change = new Intl.NumberFormat(known, { ...percent, signDisplay: "exceptZero" });
  const shortDay = dates(monthDay);
  const dayAndYear = dates({ ...monthDay, year: "numeric" });
  const fullDay = dates({ weekday: "short", ...monthDay, year: "numeric" });
  const weekday = dates({ weekday: "short", ...monthDay });
  const hour = dates(clock);
  const month = dates({ month: "short" });
  const monthAndYear = dates({ month: "short", year: "numeric" });
  const time = dates({ ...clock, second: "2-digit" });
  const shortInstant = dates({ ...monthDay, ...clock });
  const instant = dates({ ...monthDay, year: "numeric", ...clock });
  const preciseInstant = dates({ ...monthDay, year: "numeric", ...clock, second: "2-digit" });

  const range = ({ from, to }: Range, today: Day) =>
    (inYearOf(today, from, to) ? shortDay : dayAndYear).formatRange(startOfDay(from), startOfDay(to));
  const rangePhrase = (days: Range, today: Day) =>
    days.from === days.to ? `on ${range(days, today)}` : `from ${withTo(range(days, today))}`;
  const span = (from: number, to: number, today: Day) => {
    const days = wholeDays(from, to);
    if (days !== null) return range(days, today);
    const [first, last] = [utcDay(from), utcDay(to)];
    const thisYear = inYearOf(today, first, last);
    const dayFormat = thisYear ? shortDay : dayAndYear;
    const instantFormat = thisYear ? shortInstant : instant;
    const start = (startOfDay(first) === from ? dayFormat : instantFormat).format(from);
    return `${start} – ${instantFormat.format(to)} UTC`;
  };
  return {
    count: (value) => count.format(value),
    minutes: (value) => minutes.format(value),
    minutesParts: (value) => {
      const text = minutes.format(value);
      const at = Math.max(0, text.length - DECIMALS_LENGTH);
      return { whole: text.slice(0, at), decimals: text.slice(at) };
    },
    tick: (value) => tick.format(value),
    day: (day) => fullDay.format(startOfDay(day)),
    weekday: (day) => weekday.format(startOfDay(day)),
    days: ({ from, to }) => dayAndYear.formatRange(startOfDay(from), startOfDay(to)),
    hour: (value) => hour.format(value),
    shortDay: (day) => shortDay.format(startOfDay(day)),
    month: (day, first) => (first || day.slice(5, 7) === "01" ? monthAndYear : month).format(startOfDay(day)),
    range,
    rangePhrase,
    span,
    spanPhrase: (from, to, today) => {
      const days = wholeDays(from, to);
      if (days === null) return `from ${withTo(span(from, to, today))}`;
      return isWholeMonth(days) ? `in ${monthAndYear.format(from)}` : rangePhrase(days, today);
    },
    share: (part) => share.format(part),
    change: (value) => change.format(value / 100).replace("-", "\u2212"),
    instant: (value) => `${instant.format(value)} UTC`,
    shortInstant: (value, today) => (inYearOf(today, utcDay(value)) ? shortInstant : instant).format(value),
    preciseInstant: (value) => `${preciseInstant.format(value)} UTC`,
    ago: (value, now) => {
      const age = now - value;
      if (age < MINUTE_MS) return "just now";
      if (age < HOUR_MS) return `${Math.floor(age / MINUTE_MS)} min ago`;
      if (age < DAY_MS) return `${Math.floor(age / HOUR_MS)} h ago`;
      return `on ${(inYearOf(utcDay(now), utcDay(value)) ? shortDay : dayAndYear).format(value)}`;
    },
    time: (value) => `${time.format(value)} UTC`,
  };
}

/** The formats of this browser. */
export const formats = makeFormats(navigator.languages);

/** Seconds, rounded half up, as `2m 00s` or `1h 02m 03s`. */
export function duration(seconds: number): string {
  const total = Math.floor(seconds + 0.5);
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const pad = (value: number) => String(value).padStart(2, "0");
  return hours === 0 ? `${minutes}m ${pad(total % 60)}s` : `${hours}h ${pad(minutes)}m ${pad(total % 60)}s`;
}

function inYearOf(today: Day, ...days: readonly Day[]): boolean {
  return days.every((day) => day.slice(0, 4) === today.slice(0, 4));
}

/** The days from one instant up to another, or null if an end is not a UTC midnight. */
function wholeDays(from: number, to: number): Range | null {
  const [first, end] = [utcDay(from), utcDay(to)];
  if (startOfDay(first) !== from || startOfDay(end) !== to) return null;
  return { from: first, to: addDays(end, -1) };
}

function isWholeMonth({ from, to }: Range): boolean {
  return from === firstOfMonth(to) && firstOfMonth(addDays(to, 1)) === addDays(to, 1);
}

/** Replace the dash of a range by "to". */
function withTo(text: string): string {
  return text.replace(/\s*–\s*/u, " to ");
}

export function isSupported(language: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(language).length > 0;
  } catch {
    return false;
  }
}
