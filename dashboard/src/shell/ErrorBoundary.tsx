// Shows a fallback if a part of the page fails to load or render; the rest keeps working.

import { Component, type ReactNode } from "react";
import { LoadError } from "./lazyPart";

interface Props {
  readonly children: ReactNode;
  /** What is shown instead. A function gets `retry`, which renders the children again. */
  readonly fallback: ReactNode | ((retry: () => void) => ReactNode);
}

export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    if (error instanceof LoadError) error.forget();
  }

  override render(): ReactNode {
    const { children, fallback } = this.props;
    if (!this.state.failed) return children;
    return typeof fallback === "function" ? fallback(this.retry) : fallback;
  }

  private readonly retry = () => {
    this.setState({ failed: false });
  };
}
