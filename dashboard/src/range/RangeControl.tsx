// The button that shows the range and opens the picker, between arrows for the previous and next period. The picker's code
// loads after two seconds or on first use.

import { Button } from "@mantine/core";
import { type ReactNode, Suspense, type SyntheticEvent, useEffect, useRef, useState } from "react";
import { formats } from "../formats";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { IconButton } from "../shell/IconButton";
import { BackIcon, CalendarIcon, NextIcon } from "../shell/icons";
import { lazyPart } from "../shell/lazyPart";
import { PopupFailure } from "../shell/LoadFailure";
import { type Day } from "./days";
import { PRESET_LABELS, type Range, type RangeChoice, adjacentRange, choiceOf, resolveRange } from "./range";

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
  const range = resolveRange(choice, today);
  return (
    <div className="range" role="group" aria-label="Date range">
      <Step label="Previous period" range={adjacentRange(range, today, -1)} today={today} choose={choose}>
        <BackIcon />
      </Step>
      <Button
        ref={button}
        variant="default"
        className="range-button"
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
        <span className="range-text">
          {typeof choice === "string" && <span className="range-preset">{PRESET_LABELS[choice]}</span>}
          <span className="range-days">{formats.range(range, today)}</span>
        </span>
      </Button>
      <Step label="Next period" range={adjacentRange(range, today, 1)} today={today} choose={choose}>
        <NextIcon />
      </Step>
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

interface StepProps extends Pick<Props, "today" | "choose"> {
  readonly label: string;
  readonly range: Range | null;
  readonly children: ReactNode;
}

function Step({ label, range, today, choose, children }: StepProps) {
  return (
    <IconButton
      label={range === null ? label : `${label}: ${formats.range(range, today)}`}
      disabled={range === null}
      onClick={() => {
        if (range !== null) choose(choiceOf(range, today));
      }}
    >
      {children}
    </IconButton>
  );
}
