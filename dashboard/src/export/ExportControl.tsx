// A plain button beside Refresh; the downloads behind it are loaded when the page is idle or on first use.

import { Button } from "@mantine/core";
import { useClickOutside } from "@mantine/hooks";
import { type KeyboardEvent, Suspense, lazy, useRef, useState } from "react";
import { type Range } from "../range/range";
import { Boundary } from "../shell/Boundary";
import { Down } from "../shell/icons";

const ExportMenu = lazy(() => import("./ExportMenu"));
const FAILED = (
  <p role="alert" className="popup">
    The downloads could not be loaded. Reload the page to try again.
  </p>
);

export function ExportControl({ organization, range }: { organization: string; range: Range }) {
  const [opened, setOpened] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const box = useClickOutside<HTMLDivElement>(() => {
    setOpened(false);
  });
  const close = () => {
    setOpened(false);
    button.current?.focus();
  };
  return (
    <div
      className="export"
      ref={box}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key === "Escape" && opened) close();
      }}
    >
      <Button
        ref={button}
        variant="default"
        leftSection={<Down />}
        aria-haspopup="menu"
        aria-expanded={opened}
        onClick={() => {
          setOpened(!opened);
        }}
      >
        <span className="export-word">Export</span>
      </Button>
      {opened && (
        <Boundary failed={FAILED}>
          <Suspense fallback={null}>
            <ExportMenu organization={organization} range={range} close={close} />
          </Suspense>
        </Boundary>
      )}
    </div>
  );
}
