// Two picks of a calendar make a range; the first is a draft, after which days out of reach are disabled.

import { NativeSelect } from "@mantine/core";
import { DatePicker } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useState } from "react";
import { formats } from "../formats";
import { type Day, addDays, firstOfMonth } from "./days";
import { type Choice, LONGEST_DAYS, type Range, rangeOf, reachable, resolve } from "./range";

const FIRST_YEAR = 1970;
const MONTHS = ["January", "February", "March", "April", "May", "June", "July"].concat([
  "August",
  "September",
  "October",
  "November",
  "December",
]);

interface Props {
  readonly choice: Choice;
  readonly today: Day;
  readonly choose: (choice: Choice) => void;
  readonly months: 1 | 2;
}

export function PickDays({ choice, today, choose, months }: Props) {
  const current = resolve(choice, today);
  const [draft, setDraft] = useState<Day | null>(null);
  const [month, setMonth] = useState<Day>(() => firstShown(current, months));
  const bounds: Range = draft === null ? { from: `${FIRST_YEAR}-01-01`, to: today } : reachable(draft, today);
  return (
    <div className="days">
      <MonthAndYear month={month} today={today} show={setMonth} />
      <DatePicker
        type="range"
        allowSingleDateInRange
        value={draft === null ? [current.from, current.to] : [draft, null]}
        onChange={([first, last]) => {
          if (first !== null && last !== null) choose(rangeOf(first, last));
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
        getDayProps={(day) => (day === today ? { "data-utc-today": true } : {})}
        getDayAriaLabel={(day) => `${formats.day(day)}${day === today ? ", today" : ""}`}
        ariaLabels={{ previousMonth: "Previous month", nextMonth: "Next month" }}
      />
      <p className="days-hint" role="status">
        {draft === null
          ? `Pick the first day, then the last; at most ${LONGEST_DAYS} days, in UTC.`
          : `From ${formats.day(draft)}: now pick the other end.`}
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

/** The first month on show, so that the range's last day is in view. */
function firstShown(range: Range, months: 1 | 2): Day {
  const last = firstOfMonth(range.to);
  return months === 1 ? last : firstOfMonth(addDays(last, -1));
}
