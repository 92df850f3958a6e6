// A square button with an icon. Its label is its accessible name and its tooltip.

import { UnstyledButton } from "@mantine/core";
import { type ComponentProps, type ReactNode } from "react";

interface Props extends Pick<
  ComponentProps<"button">,
  "onClick" | "disabled" | "aria-expanded" | "aria-controls"
> {
  readonly label: string;
  readonly children: ReactNode;
  /** Without a border, for places beside text. */
  readonly quiet?: boolean;
  readonly busy?: boolean;
  readonly className?: string;
}

export function IconButton({ label, children, quiet = false, busy = false, className = "", ...rest }: Props) {
  return (
    <UnstyledButton
      className={`icon-button ${quiet ? "quiet" : ""} ${className}`}
      aria-label={label}
      aria-busy={busy}
      title={label}
      {...rest}
    >
      {children}
    </UnstyledButton>
  );
}
