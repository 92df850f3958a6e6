// Keeps a part that cannot be loaded or drawn to itself: the rest of the page goes on.

import { Component, type ReactNode } from "react";

interface Props {
  readonly children: ReactNode;
  readonly failed: ReactNode;
}

export class Boundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    return this.state.failed ? this.props.failed : this.props.children;
  }
}
