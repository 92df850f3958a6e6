// The button that shows the range and opens the picker. The picker's code loads after two seconds or on first use.

import { Button } from "@mantine/core";
import { Suspense, type SyntheticEvent, useEffect, useRef, useState } from "react";
import { formats } from "../formats";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { CalendarIcon } from "../shell/icons";
import { lazyPart } from "../shell/lazyPart";
import { PopupFailure } from "../shell/LoadFailure";
import { type Day } from "./days";
import { PRESET_LABELS, type RangeChoice, resolveRange } from "./range";

const RangePicker = lazyPart(() => import("./RangePicker"));
const PRELOAD_DELAY_MS = 2_000;
const stopPropagation = (event: SyntheticEvent) => {
  event.stopPropagation();
};

interface Props {
  readonly choice: RangeChoice;
  readonly today: Day;
  readonly choose: (choice: RangeChoice) => void;
}

export function RangeControl({ choice, today, choose }: Props) {
  const [opened, setOpened] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const timer = setTimeout(RangePicker.preload, PRELOAD_DELAY_MS);
    return () => {
      clearTimeout(timer);
    };
  }, []);
  const close = () => {
    setOpened(false);
    button.current?.focus();
  };
  const days = formats.range(resolveRange(choice, today), today);
  return (
    <div className="range">
      <Button
        ref={button}
        variant="default"
        leftSection={<CalendarIcon />}
        aria-haspopup="dialog"
        aria-expanded={opened}
        // A press outside the picker closes it; on this button that would reopen it with the click.
        onMouseDown={stopPropagation}
        onTouchStart={stopPropagation}
        onClick={() => {
          setOpened(!opened);
        }}
      >
        <span className="visually-hidden">Date range: </span>
        {typeof choice === "string" && <span className="range-preset">{PRESET_LABELS[choice]}</span>}
        <span className="range-days">{days}</span>
      </Button>
      {opened && (
        <ErrorBoundary fallback={(retry) => <PopupFailure what="the calendar" retry={retry} close={close} />}>
          <Suspense fallback={null}>
            <RangePicker
              choice={choice}
              today={today}
              close={close}
              choose={(selected) => {
                close();
                choose(selected);
              }}
            />
          </Suspense>
        </ErrorBoundary>
      )}
    </div>
  );
}
