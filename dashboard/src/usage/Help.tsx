// A button that shows how a figure is counted.

import { useClickOutside } from "@mantine/hooks";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { IconButton } from "../shell/IconButton";
import { HelpIcon } from "../shell/icons";
import { DOCUMENTATION_URL, HELP, type HelpName } from "./helpTexts";

export function Help({ figure, name }: { figure: HelpName; name: string }) {
  const [opened, setOpened] = useState(false);
  const id = useId();
  const container = useRef<HTMLSpanElement>(null);
  const outside = useClickOutside<HTMLSpanElement>(() => {
    setOpened(false);
  });
  const close = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !opened) return;
    setOpened(false);
    container.current?.querySelector("button")?.focus();
  };
  return (
    <span className="help" ref={outside} onKeyDown={close}>
      <span ref={container}>
        <IconButton
          quiet
          className="help-button"
          label={`How ${name} is counted`}
          aria-expanded={opened}
          aria-controls={opened ? id : undefined}
          onClick={() => {
            setOpened(!opened);
          }}
        >
          <HelpIcon />
        </IconButton>
      </span>
      {opened && (
        <span className="popup help-text" id={id} role="note">
          {HELP[figure]} <a href={DOCUMENTATION_URL}>Documentation</a>
        </span>
      )}
    </span>
  );
}
