// The presets and the calendar: a popover, or full-screen on small screens.

import { Button, Modal, Popover } from "@mantine/core";
import { useFocusTrap, useMediaQuery, useWindowEvent } from "@mantine/hooks";
import "@mantine/core/styles/ModalBase.css";
import "@mantine/core/styles/Modal.css";
import "@mantine/core/styles/Overlay.css";
import "@mantine/core/styles/Popover.css";
import "@mantine/core/styles/VisuallyHidden.css";
import "./picker.css";
import { type RefObject, useEffect, useRef } from "react";
import { type Day } from "./days";
import { PRESET_LABELS, PRESET_NAMES, type RangeChoice } from "./range";
import { RangeCalendar } from "./RangeCalendar";

const SMALL_SCREEN = "(max-width: 47.99em)";
const TITLE = "Choose a date range";

interface Props {
  readonly choice: RangeChoice;
  readonly today: Day;
  readonly choose: (choice: RangeChoice) => void;
  readonly close: () => void;
}

/** Keep the page from scrolling beneath the picker, which would move the picker away and lose the focus. */
function useScrollLock(dropdown: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const stop = (event: Event) => {
      const box = dropdown.current;
      const inside = box !== null && event.target instanceof Node && box.contains(event.target);
      if (!inside || box.scrollHeight <= box.clientHeight) event.preventDefault();
    };
    window.addEventListener("wheel", stop, { passive: false });
    window.addEventListener("touchmove", stop, { passive: false });
    return () => {
      window.removeEventListener("wheel", stop);
      window.removeEventListener("touchmove", stop);
    };
  }, [dropdown]);
}

export default function RangePicker(props: Props) {
  // Escape discards the draft wherever the focus is.
  useWindowEvent("keydown", (event) => {
    if (event.key === "Escape") props.close();
  });
  const small = useMediaQuery(SMALL_SCREEN, false, { getInitialValueInEffect: false });
  if (small) {
    return (
      <Modal.Root
        opened
        fullScreen
        onClose={props.close}
        transitionProps={{ duration: 0 }}
        returnFocus={false}
      >
        <Modal.Content aria-label={TITLE}>
          <Modal.Body>
            <div className="picker-head">
              <strong>{TITLE}</strong>
              <Button variant="default" size="xs" onClick={props.close}>
                Close
              </Button>
            </div>
            <Picker {...props} months={1} />
          </Modal.Body>
        </Modal.Content>
      </Modal.Root>
    );
  }
  return <RangePopover {...props} />;
}

function RangePopover(props: Props) {
  const dropdown = useRef<HTMLDivElement>(null);
  useScrollLock(dropdown);
  return (
    <Popover
      opened
      onChange={(opened) => {
        if (!opened) props.close();
      }}
      position="bottom-end"
      shadow="md"
      withRoles={false}
      transitionProps={{ duration: 0 }}
    >
      <Popover.Target>
        <span className="range-anchor" aria-hidden="true" />
      </Popover.Target>
      <Popover.Dropdown role="dialog" aria-label={TITLE} className="picker-dropdown" ref={dropdown}>
        <Picker {...props} months={2} />
      </Popover.Dropdown>
    </Popover>
  );
}

function Picker({ choice, today, choose, months }: Props & { months: 1 | 2 }) {
  const focusTrap = useFocusTrap();
  return (
    <div className="picker" ref={focusTrap}>
      <ul className="presets" aria-label="Presets">
        {PRESET_NAMES.map((name) => (
          <li key={name}>
            <button
              type="button"
              className="preset"
              aria-pressed={choice === name}
              {...(choice === name && { "data-autofocus": true })}
              onClick={() => {
                choose(name);
              }}
            >
              {PRESET_LABELS[name]}
            </button>
          </li>
        ))}
      </ul>
      <RangeCalendar choice={choice} today={today} choose={choose} months={months} />
    </div>
  );
}
