// Numbers, days and instants as text. Numbers follow the reader's languages; days are UTC, their words English.

import { type Day, addDays, dayAt, startOf } from "./range/days";
import { type Range } from "./range/range";

/** What the page formats with; made once from the browser's languages, and by tests from any. */
export interface Formats {
  readonly count: (value: number) => string;
  readonly minutes: (value: number) => string;
  /** A tick of an axis: short, without needless decimals. */
  readonly tick: (value: number) => string;
  readonly day: (day: Day) => string;
  readonly shortDay: (day: Day) => string;
  /** A month's name; with its year where it is a January or the first of its row. */
  readonly month: (day: Day, first: boolean) => string;
  readonly range: (range: Range, today: Day) => string;
  /** From one instant to another that is not included: days where both are midnights, with the hour where one is not. */
  readonly span: (from: number, to: number, today: Day) => string;
  /** A part of a whole, given as a number from 0 to 1. */
  readonly share: (part: number) => string;
  /** A change in percent, with its sign. */
  readonly change: (percent: number) => string;
  readonly instant: (instant: number) => string;
  /** An instant without its zone, and without its year where that is this year. */
  readonly moment: (instant: number, today: Day) => string;
  /** An instant to the second. */
  readonly exact: (instant: number) => string;
  readonly time: (instant: number) => string;
}

export function makeFormats(languages: readonly string[]): Formats {
  const known = languages.filter(isLanguage);
  const english = known.find((language) => /^en\b/i.test(language)) ?? "en";
  const count = new Intl.NumberFormat(known, { maximumFractionDigits: 0 });
  const minutes = new Intl.NumberFormat(known, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const tick = new Intl.NumberFormat(known, { notation: "compact", maximumFractionDigits: 2 });
  const dates = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(english, { timeZone: "UTC", ...options });
  const withYear = dates({ day: "numeric", month: "short", year: "numeric" });
  const withoutYear = dates({ day: "numeric", month: "short" });
  const full = dates({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const month = dates({ month: "short" });
  const monthAndYear = dates({ month: "short", year: "numeric" });
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const time = dates({ ...clock, second: "2-digit" });
  const instant = dates({ day: "numeric", month: "short", year: "numeric", ...clock });
  const exact = dates({ day: "numeric", month: "short", year: "numeric", ...clock, second: "2-digit" });
  const shortInstant = dates({ day: "numeric", month: "short", ...clock });
  const percent = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 } as const;
  const share = new Intl.NumberFormat(known, percent);
  const change = new Intl.NumberFormat(known, { ...percent, signDisplay: "always" });
  const range = ({ from, to }: Range, today: Day) => {
    const leavesThisYear = from.slice(0, 4) !== today.slice(0, 4) || to.slice(0, 4) !== today.slice(0, 4);
    return (leavesThisYear ? withYear : withoutYear).formatRange(startOf(from), startOf(to));
  };
  return {
    count: (value) => count.format(value),
    minutes: (value) => minutes.format(value),
    tick: (value) => tick.format(value),
    day: (day) => full.format(startOf(day)),
    shortDay: (day) => withoutYear.format(startOf(day)),
    month: (day, first) => (first || day.slice(5, 7) === "01" ? monthAndYear : month).format(startOf(day)),
    range,
    span: (from, to, today) => {
      const [first, last] = [dayAt(from), dayAt(to)];
      if (startOf(first) === from && startOf(last) === to) {
        return range({ from: first, to: addDays(last, -1) }, today);
      }
      const thisYear = [first, last].every((day) => day.slice(0, 4) === today.slice(0, 4));
      const day = thisYear ? withoutYear : withYear;
      const exact = thisYear ? shortInstant : instant;
      const begin = (startOf(first) === from ? day : exact).format(from);
      return `${begin} – ${exact.format(to)} UTC`;
    },
    share: (part) => share.format(part),
    change: (value) => change.format(value / 100),
    instant: (value) => `${instant.format(value)} UTC`,
    moment: (value, today) =>
      (dayAt(value).slice(0, 4) === today.slice(0, 4) ? shortInstant : instant).format(value),
    exact: (value) => `${exact.format(value)} UTC`,
    time: (value) => `${time.format(value)} UTC`,
  };
}

/** Seconds as minutes and seconds, rounded half up: `2m 00s`, `1h 02m 03s`. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds + 0.5);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (value: number) => String(value).padStart(2, "0");
  return hours === 0 ? `${minutes}m ${two(whole % 60)}s` : `${hours}h ${two(minutes)}m ${two(whole % 60)}s`;
}

function isLanguage(language: string): boolean {
  try {
    return Intl.NumberFormat.supportedLocalesOf(language).length > 0;
  } catch {
    return false;
  }
}
