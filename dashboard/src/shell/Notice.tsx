// A message in a box: an error, or something to know, which can be closed.

import { type ReactNode } from "react";
import { IconButton } from "./IconButton";
import { CloseIcon } from "./icons";

interface Props {
  readonly role: "alert" | "status";
  readonly title: string;
  readonly isError?: boolean;
  readonly close?: () => void;
  readonly children?: ReactNode;
}

export function Notice({ role, title, isError = false, close, children }: Props) {
  return (
    <div role={role} className={isError ? "notice notice-error" : "notice"}>
      <div>
        <p className="notice-title">{title}</p>
        {children}
      </div>
      {close !== undefined && (
        <IconButton quiet label="Close this message" onClick={close}>
          <CloseIcon />
        </IconButton>
      )}
    </div>
  );
}
