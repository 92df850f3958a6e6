// The calendar with its presets: a popover under the button, on a small screen the whole screen.

import { Button, Modal, Popover } from "@mantine/core";
import { useFocusTrap, useMediaQuery, useWindowEvent } from "@mantine/hooks";
import "@mantine/core/styles/ModalBase.css";
import "@mantine/core/styles/Modal.css";
import "@mantine/core/styles/Overlay.css";
import "@mantine/core/styles/Popover.css";
import "@mantine/core/styles/VisuallyHidden.css";
import "./picker.css";
import { PickDays } from "./PickDays";
import { type Day } from "./days";
import { type Choice, PRESETS, PRESET_NAMES } from "./range";

const SMALL = "(max-width: 47.99em)";
const TITLE = "Choose a date range";

interface Props {
  readonly choice: Choice;
  readonly today: Day;
  readonly choose: (choice: Choice) => void;
  readonly close: () => void;
}

export default function RangePicker(props: Props) {
  // Wherever the focus is, Escape drops what was begun.
  useWindowEvent("keydown", (event) => {
    if (event.key === "Escape") props.close();
  });
  const small = useMediaQuery(SMALL, false, { getInitialValueInEffect: false });
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
      <Popover.Dropdown role="dialog" aria-label={TITLE}>
        <Picker {...props} months={2} />
      </Popover.Dropdown>
    </Popover>
  );
}

function Picker({ choice, today, choose, months }: Props & { months: 1 | 2 }) {
  const trap = useFocusTrap();
  return (
    <div className="picker" ref={trap}>
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
              {PRESETS[name]}
            </button>
          </li>
        ))}
      </ul>
      <PickDays choice={choice} today={today} choose={choose} months={months} />
    </div>
  );
}
