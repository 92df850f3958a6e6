// The Export button and its menu. The menu's code loads on first use.

import { Button } from "@mantine/core";
import { useClickOutside } from "@mantine/hooks";
import { type KeyboardEvent, Suspense, useRef, useState } from "react";
import { type Range } from "../range/range";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { DownloadIcon } from "../shell/icons";
import { lazyPart } from "../shell/lazyPart";
import { PopupFailure } from "../shell/LoadFailure";

const ExportMenu = lazyPart(() => import("./ExportMenu"));

export function ExportControl({ organization, range }: { organization: string; range: Range }) {
  const [opened, setOpened] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const container = useClickOutside<HTMLDivElement>(() => {
    setOpened(false);
  });
  const close = () => {
    setOpened(false);
    button.current?.focus();
  };
  return (
    <div
      className="export"
      ref={container}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key === "Escape" && opened) close();
      }}
    >
      <Button
        ref={button}
        variant="default"
        leftSection={<DownloadIcon />}
        aria-haspopup="menu"
        aria-expanded={opened}
        onClick={() => {
          setOpened(!opened);
        }}
      >
        <span className="export-word">Export</span>
      </Button>
      {opened && (
        <ErrorBoundary
          fallback={(retry) => <PopupFailure what="the downloads" retry={retry} close={close} />}
        >
          <Suspense fallback={null}>
            <ExportMenu organization={organization} range={range} close={close} />
          </Suspense>
        </ErrorBoundary>
      )}
    </div>
  );
}
