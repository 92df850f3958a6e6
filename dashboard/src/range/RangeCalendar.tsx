// A calendar to pick the two ends of a range. After the first pick, days that would make it too long are disabled.

import { NativeSelect } from "@mantine/core";
import { DatePicker } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { formats } from "../formats";
import { type Day, addDays, countDays, firstOfMonth, lastOfMonth } from "./days";
import { MAX_DAYS, type Range, type RangeChoice, rangeBetween, resolveRange, selectableDays } from "./range";

const FIRST_YEAR = 1970;
const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);

interface Props {
  readonly choice: RangeChoice;
  readonly today: Day;
  readonly choose: (choice: RangeChoice) => void;
  readonly months: 1 | 2;
}

export function RangeCalendar({ choice, today, choose, months }: Props) {
  const current = resolveRange(choice, today);
  const [draft, setDraft] = useState<Day | null>(null);
  const [month, setMonth] = useState<Day>(() => firstVisibleMonth(current, months));
  const container = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState<Day | null>(null);
  useEffect(() => {
    // The day may be in a month that has just been shown.
    if (focused !== null) container.current?.querySelector<HTMLElement>(`[data-day="${focused}"]`)?.focus();
  }, [focused]);
  const bounds: Range =
    draft === null ? { from: `${FIRST_YEAR}-01-01`, to: today } : selectableDays(draft, today);
  const moveFar = (event: KeyboardEvent) => {
    const from = event.target instanceof HTMLElement ? event.target.dataset["day"] : undefined;
    const to = from === undefined ? null : dayForKey(event.key, from);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    const day = to < bounds.from ? bounds.from : to > bounds.to ? bounds.to : to;
    const last = lastOfMonth(months === 1 ? month : addDays(lastOfMonth(month), 1));
    if (day < month) setMonth(firstOfMonth(day));
    else if (day > last)
      setMonth(months === 1 ? firstOfMonth(day) : firstOfMonth(addDays(firstOfMonth(day), -1)));
    setFocused(day);
  };
  return (
    <div className="days" ref={container} onKeyDownCapture={moveFar}>
      <MonthAndYear month={month} today={today} show={setMonth} />
      <DatePicker
        type="range"
        allowSingleDateInRange
        value={draft === null ? [current.from, current.to] : [draft, null]}
        onChange={([first, last]) => {
          if (first !== null && last !== null) choose(rangeBetween(first, last));
          else setDraft(first);
        }}
        date={month}
        onDateChange={setMonth}
        minDate={bounds.from}
        maxDate={bounds.to}
        numberOfColumns={months}
        maxLevel="month"
        hideOutsideDates
        firstDayOfWeek={1}
        weekendDays={[]}
        highlightToday={false}
        getDayProps={(day) => ({ "data-day": day, ...(day === today && { "data-utc-today": true }) })}
        getDayAriaLabel={(day) => `${formats.day(day)}${day === today ? ", today" : ""}`}
        ariaLabels={{ previousMonth: "Previous month", nextMonth: "Next month" }}
      />
      <p className="days-hint" role="status">
        {draft === null
          ? `Pick the first day and the last day (UTC), at most ${MAX_DAYS} days.`
          : `${formats.day(draft)} selected. Now pick the other end.`}
      </p>
    </div>
  );
}

function MonthAndYear({ month, today, show }: { month: Day; today: Day; show: (month: Day) => void }) {
  const year = month.slice(0, 4);
  const years = Number(today.slice(0, 4)) - FIRST_YEAR + 1;
  return (
    <div className="month-and-year">
      <NativeSelect
        aria-label="Month"
        size="xs"
        value={month.slice(5, 7)}
        data={MONTHS.map((label, index) => ({ label, value: String(index + 1).padStart(2, "0") }))}
        onChange={(event) => {
          show(`${year}-${event.currentTarget.value}-01`);
        }}
      />
      <NativeSelect
        aria-label="Year"
        size="xs"
        value={year}
        data={Array.from({ length: years }, (_, index) => String(Number(today.slice(0, 4)) - index))}
        onChange={(event) => {
          show(`${event.currentTarget.value}${month.slice(4, 7)}-01`);
        }}
      />
    </div>
  );
}

/** Return the day that a key moves to: the ends of the week, or the same day of another month. Null for other keys. */
export function dayForKey(key: string, day: Day): Day | null {
  // 1970-01-05 was a Monday.
  const weekday = (((countDays("1970-01-05", day) - 1) % 7) + 7) % 7;
  switch (key) {
    case "Home":
      return addDays(day, -weekday);
    case "End":
      return addDays(day, 6 - weekday);
    case "PageUp":
      return inMonth(firstOfMonth(addDays(firstOfMonth(day), -1)), day);
    case "PageDown":
      return inMonth(addDays(lastOfMonth(day), 1), day);
    default:
      return null;
  }
}

/** Return the day of a month with the number of another day, or the last day of a shorter month. */
function inMonth(first: Day, day: Day): Day {
  const same = addDays(first, Number(day.slice(8)) - 1);
  return same > lastOfMonth(first) ? lastOfMonth(first) : same;
}

/** Return the first of the visible months, so that the last day of the range is visible. */
function firstVisibleMonth(range: Range, months: 1 | 2): Day {
  const last = firstOfMonth(range.to);
  return months === 1 ? last : firstOfMonth(addDays(last, -1));
}
