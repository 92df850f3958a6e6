// A quiet icon button that copies a text.

import { type ReactNode } from "react";
import { IconButton } from "./IconButton";
import { CheckIcon, CopyIcon } from "./icons";
import { useCopy } from "./useCopy";

interface Props {
  /** What is copied, as the button's name: "Copy the link". */
  readonly label: string;
  /** Called when the button is pressed. */
  readonly text: () => string;
  readonly icon?: ReactNode;
  readonly quiet?: boolean;
  readonly className?: string;
}

export function CopyButton({ label, text, icon = <CopyIcon />, quiet = true, className = "" }: Props) {
  const { message, copy } = useCopy();
  return (
    <>
      <IconButton
        className={className}
        quiet={quiet}
        label={message === "" ? label : message}
        onClick={() => {
          copy(text());
        }}
      >
        {message === "Copied" ? <CheckIcon /> : icon}
      </IconButton>
      <span role="status" className="visually-hidden">
        {message}
      </span>
    </>
  );
}
