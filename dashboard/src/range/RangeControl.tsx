// A plain button that names the range; the calendar behind it is loaded when the page is idle or on first use.

import { Button } from "@mantine/core";
import { Suspense, type SyntheticEvent, lazy, useEffect, useRef, useState } from "react";
import { formats } from "../formats";
import { Boundary } from "../shell/Boundary";
import { Calendar } from "../shell/icons";
import { type Day } from "./days";
import { type Choice, PRESETS, resolve } from "./range";

const load = () => import("./RangePicker");
const RangePicker = lazy(load);
const IDLE_MS = 2_000;
const FAILED = (
  <p role="alert" className="range-failed">
    The calendar could not be loaded. Reload the page to try again.
  </p>
);
const stop = (event: SyntheticEvent) => {
  event.stopPropagation();
};

interface Props {
  readonly choice: Choice;
  readonly today: Day;
  readonly choose: (choice: Choice) => void;
}

export function RangeControl({ choice, today, choose }: Props) {
  const [opened, setOpened] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const timer = setTimeout(() => {
      load().catch(() => undefined);
    }, IDLE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, []);
  const close = () => {
    setOpened(false);
    button.current?.focus();
  };
  const days = formats.range(resolve(choice, today), today);
  return (
    <div className="range">
      <Button
        ref={button}
        variant="default"
        leftSection={<Calendar />}
        aria-haspopup="dialog"
        aria-expanded={opened}
        // An open calendar closes on a press elsewhere; the button closes it by itself.
        onMouseDown={stop}
        onTouchStart={stop}
        onClick={() => {
          setOpened(!opened);
        }}
      >
        <span className="unseen">Date range: </span>
        {typeof choice === "string" && <span className="range-preset">{PRESETS[choice]}</span>}
        <span className="range-days">{days}</span>
      </Button>
      {opened && (
        <Boundary failed={FAILED}>
          <Suspense fallback={null}>
            <RangePicker
              choice={choice}
              today={today}
              close={close}
              choose={(chosen) => {
                close();
                choose(chosen);
              }}
            />
          </Suspense>
        </Boundary>
      )}
    </div>
  );
}
