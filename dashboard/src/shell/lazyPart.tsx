// Parts of the page whose code loads on first use. React's `lazy` never retries a failed import; a lazy part does.

import { type ComponentType, type FunctionComponent, use } from "react";

/** The code of a part could not be loaded. */
export class LoadError extends Error {
  override readonly name = "LoadError";
  /** Drop the failed import, so that the next render imports again. */
  readonly forget: () => void;

  constructor(cause: unknown, forget: () => void) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.forget = forget;
  }
}

export interface LazyPart<Props> extends FunctionComponent<Props> {
  /** Start loading the code. Errors are ignored here; the component throws them. */
  readonly preload: () => void;
}

/** Return a component that suspends until its code is loaded, and throws a `LoadError` if that fails. */
export function lazyPart<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
): LazyPart<Props> {
  let loaded: ComponentType<Props> | null = null;
  let loading: Promise<ComponentType<Props>> | null = null;
  let missingSheet: string | null = null;
  const loadAll = async () => {
    try {
      if (missingSheet !== null) await loadSheet(missingSheet);
      missingSheet = null;
      return (loaded = (await load()).default);
    } catch (error) {
      missingSheet ??= failedSheet(error);
      throw new LoadError(error, () => (loading = null));
    }
  };
  const start = () => (loading ??= loadAll());
  const Part = (props: Props) => {
    const Loaded = loaded ?? use(start());
    return <Loaded {...props} />;
  };
  return Object.assign(Part, {
    preload: () => {
      start().catch((error: unknown) => {
        // Nothing is shown yet, so the first use tries again.
        if (error instanceof LoadError) error.forget();
      });
    },
  });
}

/** Return the address of a style sheet that Vite could not load, else null. */
function failedSheet(error: unknown): string | null {
  return error instanceof Error ? (/preload CSS for (\S+)$/.exec(error.message)?.[1] ?? null) : null;
}

/** Load a style sheet. Vite requests each only once, even if that fails. */
function loadSheet(address: string): Promise<void> {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = address;
  return new Promise((resolve, reject) => {
    link.onload = () => {
      resolve();
    };
    link.onerror = () => {
      link.remove();
      reject(new Error(`Could not load ${address}`));
    };
    document.head.append(link);
  });
}
