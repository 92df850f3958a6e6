// A part of the page whose code loads on first use.

import { type ReactNode, Suspense } from "react";
import { ErrorBoundary } from "./ErrorBoundary";
import { LoadFailure } from "./LoadFailure";

interface Props {
  /** The part, for the message if it cannot be loaded. */
  readonly what: string;
  /** Shown until the code is loaded. */
  readonly loading?: ReactNode;
  readonly children: ReactNode;
}

export function Loaded({ what, loading, children }: Props) {
  return (
    <ErrorBoundary fallback={(retry) => <LoadFailure what={what} retry={retry} />}>
      <Suspense fallback={loading}>{children}</Suspense>
    </ErrorBoundary>
  );
}
