// The drawer over the page. The frame opens at once, so it can be closed while its contents load or if they fail to load.

import { Button, Skeleton } from "@mantine/core";
import { type MouseEvent, Suspense, type SyntheticEvent, useEffect, useRef } from "react";
import { restoreFocus } from "../location/PageLink";
import { closeDrawer } from "../location/router";
import { ErrorBoundary } from "../shell/ErrorBoundary";
import { IconButton } from "../shell/IconButton";
import { CloseIcon } from "../shell/icons";
import { lazyPart } from "../shell/lazyPart";
import { failureText } from "../shell/LoadFailure";
import "./drawer.css";
import type { RecordsProps } from "./RecordsDrawer";

const RecordsDrawer = lazyPart(() => import("./RecordsDrawer"));
export const TITLE_ID = "records-title";

export function Drawer(props: RecordsProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const root = document.documentElement;
    root.style.setProperty("--scrollbar-width", `${window.innerWidth - root.clientWidth}px`);
    element?.showModal();
    return () => {
      element?.close();
      restoreFocus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className="drawer"
      aria-labelledby={TITLE_ID}
      onCancel={(event: SyntheticEvent) => {
        // The drawer closes with its address.
        event.preventDefault();
        closeDrawer();
      }}
      onMouseDown={(event: MouseEvent) => {
        // The contents cover the whole dialog, so only a press on its backdrop has it as the target.
        if (event.target === event.currentTarget) closeDrawer();
      }}
    >
      <div className="drawer-inside">
        <IconButton className="drawer-close" label="Close" onClick={closeDrawer}>
          <CloseIcon />
        </IconButton>
        <ErrorBoundary fallback={(retry) => <DrawerFailure retry={retry} />}>
          <Suspense fallback={<DrawerLoading />}>
            <RecordsDrawer {...props} />
          </Suspense>
        </ErrorBoundary>
      </div>
    </dialog>
  );
}

function DrawerLoading() {
  return (
    <>
      <h2 id={TITLE_ID} className="drawer-title">
        Loading…
      </h2>
      <div className="drawer-part" role="status" aria-label="Loading">
        <Skeleton height="16rem" />
      </div>
    </>
  );
}

function DrawerFailure({ retry }: { retry: () => void }) {
  return (
    <>
      <h2 id={TITLE_ID} className="drawer-title">
        Could not open the list
      </h2>
      <div className="drawer-part load-failure" role="alert">
        <p>{failureText("this part of the page")}</p>
        <Button size="xs" variant="default" onClick={retry}>
          Try again
        </Button>
      </div>
    </>
  );
}
